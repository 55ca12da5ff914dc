"""Several processes that fit one model, as torchrun starts them: the first leads, the others only take part in fits.

The leader alone reads rows, writes artifacts, decides and publishes; whoever follows waits for the next fit and ends
when the leader does. All of them run on one machine and see the same checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final, TypeVar

import torch
from torch import distributed

_T = TypeVar("_T")
#: Followers wait while the leader exports and judges. When one process dies, torchrun ends the others.
_PATIENCE: Final = timedelta(days=7)


class Team:
    """The processes of this training; alone, everything is done here."""

    def __init__(self, *, leads: bool = True, size: int = 1) -> None:
        self.leads, self.size = leads, size
        self._apart = False

    def together(self, work: Callable[..., _T], *arguments: object) -> _T:
        """Call ``work`` with the leader's arguments in every process; return this process's answer."""
        if self.size > 1:
            distributed.broadcast_object_list([(work, arguments)], src=0, device=torch.device("cpu"))
        try:
            return work(*arguments)
        except BaseException:
            self._apart = True  # nobody knows where the others are: they cannot be told to stop any more
            raise

    def follow(self) -> None:
        """Take part in what the leader does together with us, until it is done."""
        while True:
            told: list[tuple[Callable[..., object], tuple[object, ...]] | None] = [None]
            distributed.broadcast_object_list(told, src=0, device=torch.device("cpu"))
            if told[0] is None:
                return
            work, arguments = told[0]
            work(*arguments)

    def dismiss(self) -> None:
        """Let the followers end."""
        if self.leads and self.size > 1 and not self._apart:
            distributed.broadcast_object_list([None], src=0, device=torch.device("cpu"))


ALONE: Final = Team()


@contextmanager
def joined() -> Iterator[Team]:
    """Join the other processes when torchrun started this one; without it, yield a team of one."""
    if not distributed.is_torchelastic_launched():
        yield ALONE
        return
    distributed.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=_PATIENCE)
    team = Team(leads=distributed.get_rank() == 0, size=distributed.get_world_size())
    try:
        yield team
    finally:
        team.dismiss()
        distributed.destroy_process_group()


def size() -> int:
    """Return how many processes share the fit."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def leader_first(work: Callable[[], object]) -> None:
    """Let the leader do ``work`` on the shared folder while the others wait."""
    if size() == 1 or distributed.get_rank() == 0:
        work()
    if size() > 1:
        distributed.barrier()


def any_of_us(mine: bool, device: torch.device) -> bool:
    """Return whether it is true in any process: all must leave a fit together, or the others wait for ever."""
    if size() == 1:
        return mine
    flag = torch.tensor(float(mine), device=device)
    distributed.all_reduce(flag, distributed.ReduceOp.MAX)
    return bool(flag)
