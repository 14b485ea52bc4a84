"""A database and a role for each service: the role owns that database and can enter no other."""

from collections.abc import Mapping

from deploy.local.servers.postgres import execute

# Names and passwords are our own (services' names, hexadecimal digits), so nothing here needs quoting.
ROLE = "CREATE ROLE {name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD '{password}'"
DATABASE = "CREATE DATABASE {name} OWNER {name}"


def create(roles: Mapping[str, str], *, port: int, password: str) -> None:
    """Make what is missing. `roles` are the services' names and their roles' passwords."""
    present = set(execute("SELECT rolname FROM pg_roles", port=port, password=password).split())
    databases = set(execute("SELECT datname FROM pg_database", port=port, password=password).split())
    statements = ["REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC"]
    for name, role_password in roles.items():
        if name not in present:
            statements.append(ROLE.format(name=name, password=role_password))
        if name not in databases:
            statements.append(DATABASE.format(name=name))
        statements.append(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
    execute(";\n".join(statements), port=port, password=password)


def game_knows_all_speeches(port: int, password: str) -> bool:
    """Whether the events of all speeches have arrived: a game with an unknown one could not be saved."""
    known = "SELECT count(DISTINCT speech_id) FROM speech_revisions"
    there = execute("SELECT count(*) FROM speeches", port=port, password=password, database="content")
    return int(execute(known, port=port, password=password, database="game")) >= int(there)
