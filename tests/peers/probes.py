"""The 24 probes, each defined once; ``make peers`` and the acceptance tests put them to the contenders."""

from tests.peers.cancelling import cancel_from_elsewhere, cancel_of_a_job_that_ignores_term, second_try
from tests.peers.hosts_in_trouble import down_at_submit, down_meanwhile, session_cut, silent_host
from tests.peers.jobs_in_trouble import directory_removed, group_killed
from tests.peers.privacy import environment_out_of_sight, second_user
from tests.peers.probe import Probe
from tests.peers.scripts import dash_login, delivers, ends

BLOCKS = "█" * 80_000
"""240,000 bytes of a character of three bytes, so that no chunk of 64 KiB ends between two characters."""
DIGITS = "".join(f"{number}\n" for number in range(1, 200_001)).encode()
"""1,288,895 bytes."""
FIVE_TIMES = "".join(f"{number}\n" for number in range(1, 60_001)).encode() * 5
"""1,744,470 bytes."""

PROBES = (
    Probe(
        1,
        "several lines",
        "all three lines in the output",
        delivers("echo first\necho second\necho third", b"first\nsecond\nthird\n"),
    ),
    Probe(2, "exit 7 in the middle", "failed with 7", ends("if true; then exit 7; fi\necho never", 7)),
    Probe(3, "set -e, then false", "failed with 1", ends("set -e\nfalse\necho never", 1)),
    Probe(4, "here-document last", "its text in the output", delivers("cat <<EOF\nhello\nEOF", b"hello\n")),
    Probe(5, "unbalanced quote", "failed with the shell's code 2", ends("echo 'never closed", 2)),
    Probe(6, "false, then a blank last line", "failed with 1", ends("false\n    ", 1)),
    Probe(7, "trailing comment", "hi in the output", delivers("echo hi # comment", b"hi\n")),
    Probe(8, "process group killed with -9", "an end that names the kill", group_killed),
    Probe(9, "job directory removed", "lost", directory_removed),
    Probe(10, "1.3 MB at once", "every byte", delivers("seq 1 200000", DIGITS)),
    Probe(
        11,
        "1.7 MB over 5 seconds",
        "every byte",
        delivers("for i in 1 2 3 4 5; do seq 1 60000; sleep 1; done", FIVE_TIMES),
    ),
    Probe(
        12,
        "bytes that are not UTF-8",
        "those very bytes",
        delivers(r"printf 'before\n\377\376\nafter\n'", b"before\n\xff\xfe\nafter\n"),
    ),
    Probe(
        13,
        "240 kB of three-byte characters",
        "every byte",
        delivers("yes █ | head -n 80000 | tr -d '\\n'", BLOCKS.encode()),
    ),
    Probe(14, "login shell dash", "succeeded", dash_login, needs_root=True),
    Probe(15, "a second user of the host", "both succeed, neither reads the other", second_user, needs_root=True),
    Probe(16, "second try of a running job", "one job alive", second_try),
    Probe(17, "cancel by another process", "cancelled, nothing alive", cancel_from_elsewhere),
    Probe(18, "cancel of a job that ignores TERM", "nothing alive after the grace", cancel_of_a_job_that_ignores_term),
    Probe(19, "secret in the environment", "in no argument list and no log", environment_out_of_sight),
    Probe(20, "SSH session killed", "succeeded, every line once", session_cut),
    Probe(21, "host down while the job runs", "succeeded when the host is back, run once", down_meanwhile),
    Probe(22, "host accepts and is silent", "the end seen soon after it speaks again", silent_host),
    Probe(23, "host refuses at submit", "run once when the host is back", down_at_submit),
    Probe(24, "command of 140 kB", "done in the output", delivers(f": '{'x' * 140_000}'; echo done", b"done\n")),
)
