r"""One Python prompt of a document.

The process that readme_blocks.py starts for each of its sessions.

Blocks arrive on standard input, a JSON line each, and run one after another in one namespace, as if
typed line by line: the value of an expression is shown, and an empty line ends a compound
statement. What a block prints goes to standard output, then ``\0``, how it ended as JSON, and
``\0``; when its last statement begins, it says so in the same way. When standard input closes, the
process ends, whatever it is doing.
"""

import codeop
import doctest
import json
import os
import queue
import sys
import threading
import traceback
from typing import Any

Block = dict[str, Any]


def main() -> None:
    """Run blocks until standard input closes."""
    blocks: queue.Queue[Block] = queue.Queue()
    threading.Thread(target=_read, args=(blocks,), daemon=True).start()
    namespace: dict[str, Any] = {'__name__': '__main__', '__builtins__': __builtins__}
    while True:
        try:
            block = blocks.get()
            outcome = _run(block, namespace)
        except KeyboardInterrupt:  # between two blocks: as at an idle prompt
            continue
        print(f'\0{json.dumps(outcome)}\0', end='', flush=True)


def _read(blocks: queue.Queue[Block]) -> None:
    for line in sys.stdin:
        blocks.put(json.loads(line))
    os._exit(0)


def _run(block: Block, namespace: dict[str, Any]) -> str:
    try:
        if block['source'].lstrip().startswith('>>>'):
            return _run_doctest(block, namespace)
        _type(block, namespace)
    except KeyboardInterrupt:
        return 'interrupted'
    except BaseException:  # noqa: BLE001 (whatever a block raises is what is to be shown, SystemExit too)
        return traceback.format_exc()
    return 'ended'


def _type(block: Block, namespace: dict[str, Any]) -> None:
    complete = codeop.CommandCompiler()
    typed = '\n' * (block['line'] - 1)
    lines = [*block['source'].rstrip().splitlines(), '']
    for number, line in enumerate(lines):
        typed += line
        if code := complete(typed, block['file'], 'single'):
            if number >= len(lines) - 2:
                print('\0"last statement"\0', end='', flush=True)
            exec(code, namespace)
            typed = '\n' * typed.count('\n')
        typed += '\n'
    if typed.strip():
        raise SyntaxError(f'The block ends before its last statement does:\n{typed.lstrip()}')


def _run_doctest(block: Block, namespace: dict[str, Any]) -> str:
    test = doctest.DocTestParser().get_doctest(
        block['source'], namespace, 'the block', block['file'], block['line'] - 1
    )
    test.globs = namespace
    said: list[str] = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    failed = runner.run(test, out=said.append, clear_globs=False).failed
    return ''.join(said) if failed else 'ended'


if __name__ == '__main__':
    main()
