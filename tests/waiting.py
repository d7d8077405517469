"""Waiting for what another process does."""

import time

import pytest


def wait_until(condition):
    for _ in range(1200):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("nothing happened for a minute")
