import pytest
from scoring.domain.languages import find_language

LANGUAGES = ("en-US", "en-GB", "de-DE", "zh-CN", "zh-CN-shandong")


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        *((language, language) for language in LANGUAGES),
        ("en", "en-US"),
        ("EN", "en-US"),
        ("en-us", "en-US"),
        ("EN-gb", "en-GB"),
        ("en_GB", "en-GB"),
        ("zh-cn", "zh-CN"),
        ("ZH-CN-SHANDONG", "zh-CN-shandong"),
    ],
)
def test_a_tag_is_found_without_case_and_by_its_start(tag: str, language: str) -> None:
    assert find_language(tag, LANGUAGES) == language


@pytest.mark.parametrize("tag", ["", "-", "e", "en-", "en-U", "en-AU", "en-US-x", "us", "-US", "*", "fr"])
def test_other_tags_are_unknown(tag: str) -> None:
    assert find_language(tag, LANGUAGES) is None
