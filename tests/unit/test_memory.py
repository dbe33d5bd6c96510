"""One heap for a process: what hygieia.memory does to malloc, seen from outside."""

import subprocess
import sys

FREED_ELSEWHERE = """
import sys, threading
from hygieia.memory import use_one_heap

if sys.argv[1] == "one heap":
    use_one_heap()

def work():
    for _ in range(20):
        pieces = [bytearray(200_000) for _ in range(50)]
        del pieces

threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
faults = open("/proc/self/stat").read().rsplit(")", 1)[1].split()[7]
print(faults)
"""


def faults_of(mode: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", FREED_ELSEWHERE, mode], capture_output=True, check=True, text=True
    )
    return int(done.stdout)


def test_freed_pieces_are_used_again_instead_of_taken_from_the_system() -> None:
    assert faults_of("one heap") < faults_of("as it comes") / 2


def test_what_is_loaded_is_not_collected_again() -> None:
    program = (
        "import gc; from hygieia.memory import keep_what_is_loaded; keep_what_is_loaded();"
        "print(gc.get_freeze_count() > 1000, len(gc.get_objects()) < 100)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    )
    assert done.stdout == "True True\n"
