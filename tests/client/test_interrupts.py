"""Ctrl-C is held back during a step, and never kept."""

import contextlib
import signal

import pytest

from client.interrupts import CtrlC


def press() -> None:
    """Ctrl-C, as the terminal sends it."""
    signal.raise_signal(signal.SIGINT)


def press_and_fail() -> None:
    """A step that fails after Ctrl-C."""
    press()
    raise ValueError('why')


def test_a_step_is_completed_and_then_the_block_is_left() -> None:
    """Ctrl-C during a step takes effect behind it."""
    done = []
    with CtrlC() as ctrl_c:
        with ctrl_c.held():
            press()
            done.append('step')
        done.append('next')
    assert done == ['step']


def test_a_step_that_fails_keeps_no_interrupt() -> None:
    """After a step that failed, Ctrl-C works: at once, or (pressed before) at the next step."""
    done = []
    with CtrlC() as ctrl_c:
        with contextlib.suppress(ValueError), ctrl_c.held():
            raise ValueError
        press()
        done.append('pressed after a failure')
    with CtrlC() as ctrl_c:
        with contextlib.suppress(ValueError), ctrl_c.held():
            press_and_fail()
        with ctrl_c.held():
            done.append('pressed during a failure')
    assert done == []
    with pytest.raises(KeyboardInterrupt):
        press()


def test_the_error_of_a_step_is_told_although_ctrl_c_was_pressed() -> None:
    """What went wrong is not hidden by Ctrl-C; the same object then serves another block."""
    ctrl_c = CtrlC()
    with pytest.raises(ValueError, match='why'), ctrl_c, ctrl_c.held():
        press_and_fail()
    done = []
    with ctrl_c, ctrl_c.held():
        done.append('step')
    assert done == ['step']
