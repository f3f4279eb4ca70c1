import os
import signal
import sys
import threading
from datetime import timedelta

import pytest
from torch.distributed import TCPStore

from tests.ranks import on_ranks
from toolkit import ranks
from toolkit.ranks import end_rank, end_though_waiting, rank, world_size

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="forks of this process are the ranks"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


def test_a_process_alone_is_the_first_of_one(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.setenv("RANK", "3")  # some launchers of other things set it
    assert (rank(), world_size()) == (0, 1)


def test_only_the_first_rank_to_end_says_why(tmp_path):
    store = TCPStore("127.0.0.1", 0, is_master=True, timeout=timedelta(seconds=5), wait_for_workers=False)
    assert on_ranks(tmp_path, lambda: end_rank("Error: gone.", 7), ranks=3, port=str(store.port)) == [7, 7, 7]
    assert sorted(path.read_text() for path in tmp_path.glob("said*")) == ["", "", "Error: gone.\n"]


def test_a_signal_ends_a_rank_that_waits_where_no_handler_is_called(tmp_path, monkeypatch):
    monkeypatch.setattr(ranks.time, "sleep", lambda seconds: None)

    def work():
        signal.signal(signal.SIGTERM, lambda *_: None)
        end_though_waiting()
        os.kill(os.getpid(), signal.SIGTERM)
        held = threading.Lock()
        with held:
            held.acquire()

    assert on_ranks(tmp_path, work, ranks=1) == [1]
