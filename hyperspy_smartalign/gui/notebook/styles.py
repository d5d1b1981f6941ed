"""How the widgets look, in light and dark themes."""

from __future__ import annotations

import html

#: Colours are those of the theme where it names them, and translucent otherwise.
STYLE = """<style>
.smartalign .smartalign-heading { font-size: 1.15em; font-weight: 600; }
.smartalign .smartalign-title { font-weight: 600; margin-top: 6px; line-height: 1.6;
  border-bottom: 1px solid rgba(128, 128, 128, 0.5); }
.smartalign .jupyter-widget-Collapse-header { padding: 1px 6px; background: none; border: none;
  font-weight: normal; opacity: 0.8; }
.smartalign .jupyter-widget-Collapse-contents { padding: 0 0 0 8px; background: none;
  border: none; border-left: 2px solid rgba(128, 128, 128, 0.4); }
.smartalign .smartalign-label { white-space: normal; line-height: 1.2; overflow: visible;
  height: auto; align-self: center; }
.smartalign .smartalign-idle, .smartalign .smartalign-idle .widget-label { opacity: 0.55; }
.smartalign .smartalign-invalid input {
  border: 1px solid var(--jp-error-color1, #d32f2f) !important; }
.smartalign .smartalign-note { color: var(--jp-error-color1, #d32f2f); line-height: 1.25;
  font-size: 0.9em; white-space: pre-wrap; }
.smartalign .smartalign-message { line-height: 1.35; white-space: pre-wrap; padding: 4px 8px;
  border-left: 4px solid rgba(128, 128, 128, 0.6); background: rgba(128, 128, 128, 0.1); }
.smartalign .smartalign-warning { border-left-color: var(--jp-warn-color1, #f57c00); }
.smartalign .smartalign-error { border-left-color: var(--jp-error-color1, #d32f2f);
  color: var(--jp-error-color1, #d32f2f); }
.smartalign .smartalign-code { display: block; white-space: pre-wrap; overflow-wrap: anywhere;
  line-height: 1.35; padding: 4px 8px; background: rgba(128, 128, 128, 0.12);
  font-family: var(--jp-code-font-family, monospace); user-select: text; }
.smartalign .smartalign-copy { font: inherit; color: inherit; cursor: pointer; padding: 3px 10px;
  border: 1px solid rgba(128, 128, 128, 0.6); border-radius: 3px;
  background: rgba(128, 128, 128, 0.15); }
</style>"""

# Where the browser denies the clipboard, the line is selected, ready for Ctrl+C.
_COPY = (
    "const line = this.closest('.smartalign-line').querySelector('code');"
    "const range = document.createRange(); range.selectNodeContents(line);"
    "const chosen = window.getSelection(); chosen.removeAllRanges(); chosen.addRange(range);"
    "const say = word => { this.textContent = word;"
    " setTimeout(() => { this.textContent = 'Copy'; }, 2000); };"
    "const byHand = () => say(document.execCommand('copy') ? 'Copied' : 'Press Ctrl+C');"
    "if (navigator.clipboard) {"
    " navigator.clipboard.writeText(line.textContent).then(() => say('Copied'), byHand);"
    "} else { byHand(); }"
)


def element(tag: str, css_class: str, text: str) -> str:
    """An HTML element with plain text in it."""
    return f'<{tag} class="{css_class}">{html.escape(text)}</{tag}>'


def copy_button() -> str:
    """A button that copies the line of code beside it."""
    return (
        '<button type="button" class="smartalign-copy" title="Copy the line of Python" '
        f'onclick="{html.escape(_COPY)}">Copy</button>'
    )
