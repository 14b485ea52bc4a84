import inspect

from auth import errors
from shared.errors import ParleyError


def test_every_code_is_described_for_the_api_reference() -> None:
    auth_errors = [
        error
        for _, error in inspect.getmembers(errors, inspect.isclass)
        if error.__module__ == errors.__name__
    ]
    assert auth_errors
    for error in auth_errors:
        assert issubclass(error, ParleyError)
        assert "code" in vars(error) or error.code == "unauthorized"
        assert (error.__doc__ or "").partition("\n")[0].endswith(".")
