"""Field types and literals that several layers share."""

import unicodedata
from ipaddress import IPv6Address, ip_address
from typing import Annotated, Any, Literal

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, Field, HttpUrl, SecretStr
from shared.http.fields import CONTROLS, DisplayText, build_text_pattern

MAX_URL_LENGTH = 2048
# Unicode's Bidi_Control property. These characters reorder nearby text, so a name could alter a sentence.
BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
LINE_BREAKS = frozenset("\n\t\u2028\u2029")
# Names that only local networks resolve (RFC 6761, 6762 and 8375, and those that ICANN reserves).
PRIVATE_DOMAINS = (
    "localhost",
    "local",
    "internal",
    "intranet",
    "private",
    "lan",
    "home",
    "corp",
    "home.arpa",
)

Provider = Literal["google", "apple", "facebook"]
SignInMethod = Literal["password", "google", "apple", "facebook"]
EmailKind = Literal[
    "verify_email",
    "reset_password",
    "change_email",
    "email_change_requested",
    "email_taken",
    "password_changed",
    "sign_in_added",
]
TokenPurpose = Literal["verify_email", "reset_password", "change_email"]
AuditAction = Literal[
    "account_deleted",
    "account_locked",
    "account_unlocked",
    "address_released",
    "email_changed",
    "admin_appointed",
    "identity_linked",
    "identity_unlinked",
    "password_changed",
    "password_reset",
    "refresh_token_reused",
    "role_changed",
    "sessions_revoked",
]


def normalize_password(password: str) -> str:
    """Normalise passwords that keyboards encode differently (OpaqueString, RFC 8265). Raises ValueError."""
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in password):
        raise ValueError("must not contain control characters")
    spaced = "".join(" " if unicodedata.category(c) == "Zs" else c for c in password)
    return unicodedata.normalize("NFC", spaced)


def _validate_email(value: str) -> str:
    try:
        # Hardly any mail server accepts non-ASCII characters before the @; domains have an ASCII form.
        # `strict` refuses more than 64 octets before the @ (RFC 5321, section 4.5.3.1.1).
        checked = validate_email(value.strip(), check_deliverability=False, allow_smtputf8=False, strict=True)
    except EmailNotValidError as error:
        raise ValueError(str(error).rstrip(".")) from error
    return checked.normalized


def _normalize_secret(value: SecretStr) -> SecretStr:
    return SecretStr(normalize_password(value.get_secret_value()))


def _validate_printable(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not (text.isascii() and text.isprintable()):
        raise ValueError("must be printable ASCII")
    return value


def _validate_name(value: str) -> str:
    if not LINE_BREAKS.isdisjoint(value):
        raise ValueError("must be one line")
    if not BIDI_CONTROLS.isdisjoint(value):
        raise ValueError("must not contain bidirectional controls")
    return value


def _validate_public_url(value: HttpUrl) -> HttpUrl:
    # The stored form counts: encoding a host or a path as ASCII makes it longer.
    if len(str(value)) > MAX_URL_LENGTH:
        raise ValueError(f"must have at most {MAX_URL_LENGTH} characters")
    if value.scheme != "https":
        raise ValueError("must begin with https://")
    if value.username is not None or value.password is not None:
        raise ValueError("must not contain a user name or a password")
    if not is_public_host(value.host or ""):
        raise ValueError("must be on a public host")
    return value


def is_public_host(host: str) -> bool:
    # Names are not resolved, so a public name may lead to a private address.
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        name = "." + host.lower().rstrip(".")
        return "." in name[1:] and not name.endswith(tuple(f".{domain}" for domain in PRIVATE_DOMAINS))
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address.sixtofour or address
    return address.is_global and not address.is_multicast


# Only rules that a JSON schema can state; the validators below enforce all rules.
PRINTABLE: dict[str, Any] = {"pattern": r"^[\u0020-\u007e]+$"}
EMAIL_PATTERN = r"^[!#-?A-Z^-~]{1,64}@[^\s@]+$"
ONE_LINE_PATTERN = build_text_pattern(
    required=True,
    forbidden=r"\t\n\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069",
)
PASSWORD_PATTERN = f"^[^{CONTROLS}\\t\\n]*$"
STRENGTH_RULES = (
    "8 to 128 characters with an upper-case letter, a lower-case letter and a digit. "
    "Common passwords are refused."
)

Email = Annotated[
    str,
    Field(
        max_length=254,
        json_schema_extra={"format": "email", "pattern": EMAIL_PATTERN},
        examples=["ada@example.com"],
    ),
    AfterValidator(_validate_email),
]
# The limit only bounds the work of normalising; passwords/policy.py decides the length of new passwords.
Password = Annotated[
    SecretStr,
    Field(max_length=1024, json_schema_extra={"pattern": PASSWORD_PATTERN}, examples=["Correct4Horse"]),
    AfterValidator(_normalize_secret),
]
NewPassword = Annotated[
    Password,
    Field(
        description=STRENGTH_RULES,
        json_schema_extra={"pattern": PASSWORD_PATTERN, "minLength": 8, "maxLength": 128},
    ),
]
Name = Annotated[
    str,
    DisplayText(min_length=1, max_length=100),
    Field(json_schema_extra={"pattern": ONE_LINE_PATTERN}, examples=["Ada"]),
    AfterValidator(_validate_name),
]
AvatarUrl = Annotated[
    HttpUrl,
    Field(
        json_schema_extra={"pattern": "^[Hh][Tt][Tt][Pp][Ss]://", "maxLength": MAX_URL_LENGTH},
        examples=["https://example.com/ada.png"],
    ),
    AfterValidator(_validate_public_url),
]


def _create_printable_field(max_length: int, example: str) -> Any:
    return Field(min_length=1, max_length=max_length, json_schema_extra=PRINTABLE, examples=[example])


# The characters that RFC 6749 allows in tokens. A well-formed token that is wrong is a 401, not a 422.
_IsPrintable = AfterValidator(_validate_printable)
OpaqueToken = Annotated[
    SecretStr, _create_printable_field(2048, "kq3Zb0V1wq8sJm5yPZr4t7fX2cN9aH6LdE1gU0oTiYs"), _IsPrintable
]
SocialToken = Annotated[
    SecretStr,
    _create_printable_field(8192, "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxMSJ9.c2lnbmF0dXJl"),
    _IsPrintable,
]
AuthorizationCode = Annotated[
    SecretStr, _create_printable_field(2048, "c4f8a1d0e5b74b0f9d3a2c6e8f1b7d9a.0.srtzt.Qm1p7w"), _IsPrintable
]
Nonce = Annotated[SecretStr, _create_printable_field(512, "n-0S6_WzA2Mj"), _IsPrintable]
