"""Throughput of POST /game/speeches/random compared with bare endpoints, with and without the gateway.

Run it with `make bench WHAT=throughput`.
"""

import asyncio
import json
import statistics
import sys
import time
from uuid import uuid4

from shared.security.jwt import ACCESS_TOKEN, SigningKeys, create_signing_key

from bench.load import Target, measure_rate
from bench.programs import create_content_api, create_gateway, create_reference
from bench.rounds import compute_ratio, report_bounds
from bench.system import create_catalogue, start_servers
from deploy.local import ports
from deploy.local.processes import Run
from deploy.local.servers import Addresses

SPEECHES = 100_000
BOUND = 0.5
ROUNDS, SECONDS = 12, 2.0
ATTEMPTS = 3
PATH = "/api/v1/game/speeches/random"
DRAW, ROWS, TYPED, PREBUILT = (
    "draw",
    "10 rows by key",
    "10 rows by key, typed",
    "1 row by key, prebuilt",
)


def create_token(keys: SigningKeys, *, role: str = "learner") -> str:
    """Create an access token like the auth service's, but valid for hours."""
    now = int(time.time())
    claims = {"iss": "parley", "aud": "parley-api", "iat": now, "exp": now + 36_000, "jti": uuid4().hex}
    return keys.sign({**claims, "sub": str(uuid4()), "role": role}, typ=ACCESS_TOKEN)


async def measure_rates(targets: dict[str, Target]) -> dict[str, list[float]]:
    """Measure requests per second in each round, after a warm-up round."""
    rates: dict[str, list[float]] = {name: [] for name in targets}
    for number in range(ROUNDS + 1):
        for name, target in targets.items():
            rate = await measure_rate(target, seconds=SECONDS)
            if number:
                rates[name].append(rate)
    return rates


async def run_with_retries(targets: dict[str, Target]) -> list[str]:
    """Measure and print until the bounds hold, at most ATTEMPTS times; return the broken ones."""
    broken: list[str] = []
    for _ in range(ATTEMPTS):
        rates_by_name = await measure_rates(targets)
        print(f"\n{'requests per second':45} median   slowest  fastest   draw / this")
        for name, rates in rates_by_name.items():
            draws = rates_by_name[f"{DRAW}, {name.rpartition(', ')[2]}"]
            row = f"{statistics.median(rates):6.0f}   {min(rates):6.0f}   {max(rates):6.0f}"
            print(f"{name:45} {row}    {compute_ratio(draws, rates)}")
        broken = [
            f"the draw's throughput is {share.median:.2f} of {ROWS}, {target}; the minimum is {BOUND}"
            for target in ("gateway", "direct")
            if (
                share := compute_ratio(rates_by_name[f"{DRAW}, {target}"], rates_by_name[f"{ROWS}, {target}"])
            ).median
            < BOUND
        ]
        if not broken:
            break
    return broken


async def main() -> int:
    """Run all measurements; return 1 if a bound is broken."""
    keys = SigningKeys({"keys": [create_signing_key()]})
    with start_servers() as (addresses, run):
        url, _ = await create_catalogue(addresses, SPEECHES)
        targets = start_targets(run, url, addresses, keys)
        broken = await run_with_retries(targets)
    return report_bounds(broken)


def start_targets(run: Run, url: str, addresses: Addresses, keys: SigningKeys) -> dict[str, Target]:
    """Start the draw and its references, each behind its own gateway, and return their targets."""
    block = ports.assign_ports(ports.choose_free_block())
    reference_port, api = block["auth-api"], block["content-api"]
    create_reference(run, url, json.dumps(keys.public), port=reference_port).start()
    process = create_content_api(run, url, addresses, port=api, keys_port=reference_port)
    process.start()
    gateway_ports = {}
    for name, port in {"gateway-draw": api, "gateway-reference": reference_port}.items():
        port_block = ports.assign_ports(ports.choose_free_block())
        create_gateway(run, name, port_block, content=port, keys_port=reference_port).start()
        gateway_ports[port] = port_block["gateway"]
    bearer = create_token(keys)
    return {
        f"{DRAW}, gateway": Target(gateway_ports[api], PATH, bearer),
        f"{ROWS}, gateway": Target(gateway_ports[reference_port], PATH, bearer),
        f"{TYPED}, gateway": Target(gateway_ports[reference_port], f"{PATH}/typed", bearer),
        f"{PREBUILT}, gateway": Target(gateway_ports[reference_port], f"{PATH}/one", bearer),
        f"{DRAW}, direct": Target(api, PATH, bearer),
        f"{ROWS}, direct": Target(reference_port, PATH, bearer),
        f"{TYPED}, direct": Target(reference_port, f"{PATH}/typed", bearer),
        f"{PREBUILT}, direct": Target(reference_port, f"{PATH}/one", bearer),
    }


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
