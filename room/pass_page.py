"""The page that asks for the pass phrase, and how a phrase may be spelled (used by `access`).

The one idea to take away: a phrase that is read out to a class is typed by thumbs. Its words count,
not its capitals, spaces and hyphens.
"""

from string import Template

__all__ = ['PASS_PAGE', 'spelled']

# It needs nothing from elsewhere, and no JavaScript. The field is one that a phone neither corrects
# nor capitalises.
PASS_PAGE = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The room</title>
<style>
:root { color-scheme: light dark; --text: #1d1d1d; --page: #fff; --line: #767676 }
@media (prefers-color-scheme: dark) { :root { --text: #f1f1f1; --page: #121212; --line: #8f8f8f } }
* { box-sizing: border-box }
body {
  font: 1.2rem/1.4 system-ui, sans-serif; color: var(--text); background: var(--page);
  max-width: 24rem; margin: 0 auto; padding: min(15vh, 6rem) 1rem 1rem; overflow-wrap: anywhere;
}
label { display: block; margin: 1rem 0 .3rem }
input, button {
  font: inherit; width: 100%; min-height: 48px; padding: .4rem .6rem; margin: 0 0 .6rem;
  border: 1px solid var(--line); border-radius: .3rem; color: inherit; background: none;
}
button { background: #1565c0; color: #fff; border-color: #1565c0; cursor: pointer }
:focus-visible { outline: 3px solid #e0a800; outline-offset: 2px }
</style>
<main>
<h1>The room</h1>
<p role="status">$text</p>
<form method="get" action="/">
<label for="pass">pass phrase</label>
<input id="pass" name="pass" autofocus autocomplete="off" autocapitalize="none" autocorrect="off"
  spellcheck="false">
<button>Enter</button>
</form>
</main>
</html>""")


def spelled(phrase: str) -> str:
    """A phrase without what does not count: capitals, spaces, hyphens.

    >>> spelled(' Purple otter  LAZY-anvil 4071') == spelled('purple-otter-lazy-anvil-4071')
    True
    """
    return ''.join(filter(str.isalnum, phrase.casefold())) or phrase
