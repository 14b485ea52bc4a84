"""A database and a role for each service: the role owns that database and can connect to no other."""

from collections.abc import Mapping

from deploy.local.servers.postgres import execute

# Names are those of services and passwords are hexadecimal, so nothing here needs quoting.
ROLE = "CREATE ROLE {name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD '{password}'"
DATABASE = "CREATE DATABASE {name} OWNER {name}"


def create(roles: Mapping[str, str], *, port: int, password: str) -> None:
    """Create the roles and databases that are missing. `roles` maps a service's name to its password."""
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


def has_received_all_speeches(port: int, password: str) -> bool:
    """Return whether the events of all speeches reached the game: it refuses sessions with unknown ones."""
    query = "SELECT count(DISTINCT speech_id) FROM speech_revisions"
    stored = execute("SELECT count(*) FROM speeches", port=port, password=password, database="content")
    return int(execute(query, port=port, password=password, database="game")) >= int(stored)
