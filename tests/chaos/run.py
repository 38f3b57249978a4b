"""``make chaos``: hurt a whole system at random moments and see whether the promises hold."""

import secrets
import time

import click

from tests.chaos.arena import arena
from tests.chaos.parts import PARTS, Part, Seen


@click.command()
@click.option("--full", is_flag=True, help="The counts that the promises name; otherwise a tenth.")
@click.option("--seed", type=int, help="Repeat a run: its faults come in the same order.")
@click.argument("names", nargs=-1, metavar="[PART]…")
def main(*, full: bool, seed: int | None, names: tuple[str, ...]) -> None:
    """Run all parts, or those named (P1 …), and print what was seen."""
    seed = secrets.randbelow(1 << 30) if seed is None else seed
    known = [part.name for part in PARTS]
    if strange := [name for name in names if name not in known]:
        raise click.UsageError(f"there is no part {strange[0]}; the parts are {', '.join(known)}")
    chosen = [part for part in PARTS if not names or part.name in names]
    print(f"seed {seed}, {'full counts' if full else 'a tenth of the counts'}")
    results = [(part, _run(part, seed=seed, full=full)) for part in chosen]
    print()
    for part, seen in results:
        verdict = "ok" if seen.passed else "FAILED"
        print(f"{part.name:4} | {part.promise:45} | {seen.figure:40} | {verdict:6} | {seen.seen}")
    passed = sum(seen.passed for _, seen in results)
    print(f"{passed} passed, {len(results) - passed} failed")
    raise SystemExit(0 if passed == len(results) else 1)


def _run(part: Part, *, seed: int, full: bool) -> Seen:
    begun = time.monotonic()
    print(f"{part.name}: {part.promise} …", flush=True)
    with arena(seed=seed, full=full) as ground:
        seen = part.run(ground)
    print(f"    {seen.figure}: {seen.seen} ({time.monotonic() - begun:.0f} s)", flush=True)
    return seen


if __name__ == "__main__":
    main()
