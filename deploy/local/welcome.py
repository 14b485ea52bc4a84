"""The message that `make run` prints when the system is ready."""

import shlex
from pathlib import Path

from deploy.services import SEED

ACCOUNTS = (("learner@example.com", "LearnerPass123"), ("admin@example.com", "AdminPass123"))
RECORDING = SEED / "learner" / "good.wav"

TEXT = """
Parley is ready.

  API        {url}/api/v1
  Panel      {url}/admin, for editors and admins
  Reference  {url}/docs
  OpenAPI    {url}/openapi.json
  Accounts   {accounts}
  E-mails    are written to {email_folder}; `make logs` shows their links
  Scoring    by {provider}{remark}
  Demos      `make demo` plays a learner's journey, `make demo-import` an editor's

Three commands to try in another terminal:

{lines}
"""


INVENTED_SCORES_NOTE = """. A stand-in for Azure invents the scores, because no key was given.
             For real ones: AZURE_SPEECH_KEY=… AZURE_SPEECH_REGION=… SPEECH_PROVIDER=azure make run"""


def render(url: str, *, email_folder: Path, provider: str, invents_scores: bool) -> str:
    """Return addresses, demo accounts, and three commands that work when pasted."""
    return TEXT.format(
        url=url,
        email_folder=email_folder,
        provider=provider,
        remark=INVENTED_SCORES_NOTE if invents_scores else "",
        accounts="\n             ".join(f"{email} / {password}" for email, password in ACCOUNTS),
        lines="\n\n".join(_build_commands(url)),
    )


def _build_commands(url: str) -> tuple[str, ...]:
    email, password = ACCOUNTS[0]
    json, bearer = "-H 'Content-Type: application/json'", '-H "Authorization: Bearer $TOKEN"'
    login = f'{{"email": "{email}", "password": "{password}"}}'
    audio = shlex.quote(f"audio=@{RECORDING}")
    return (
        f"TOKEN=$(curl -s {url}/api/v1/auth/login {json} -d '{login}' | "
        """sed 's/.*"access_token": *"\\([^"]*\\)".*/\\1/')""",
        f"""curl -s {url}/api/v1/game/speeches/random {bearer} {json} -d '{{"level": "A2", "limit": 3}}'""",
        f"curl -s {url}/api/v1/speech/score {bearer} -F {audio} "
        "-F 'reference_text=I lost my passport at the airport last week.'",
    )
