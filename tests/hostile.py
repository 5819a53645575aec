"""A hundred names that somebody could give a clip, a generator or a protocol, and a look at what pages made of them."""

from __future__ import annotations

from html.parser import HTMLParser

MADE = "thb-was-here"  # the folder, attribute or file that a name would make if anything in it were run

_TAGS = [
    f"<script>{MADE}()</script>",
    f"<img src=x onerror={MADE}()>",
    f"<svg/onload={MADE}()>",
    "<b>bold</b>",
    f'"><script>{MADE}()</script>',
    f"'><img src=x onerror={MADE}()>",
    "</td></tr></table><h1>out</h1>",
    "<iframe src=//evil.example></iframe>",
    "<!-- gone",
    "-->",
    "--!>",
    "<![CDATA[x]]>",
    "<?php x ?>",
    "<!doctype x>",
    "<a href=javascript:x>y</a>",
    "</title><script>x</script>",
    "</style><script>x</script>",
    "</script>",
    "<style>*{display:none}</style>",
    "<base href=//evil.example>",
    "<meta http-equiv=refresh content=0>",
    "<",
    "<div",
    "a < b > c",
    "&lt;b&gt;",
    "&amp;",
    "&#60;script&#62;",
    "&",
    "&copy",
    '" onmouseover="x()',
    "' x='y",
    "<details open ontoggle=x>",
    "<math><mtext><script>x</script></mtext></math>",
    "<object data=x>",
]
_TEMPLATES = [
    f"{{{{ cycler.__init__.__globals__.os.mkdir('{MADE}') }}}}",
    f"{{% import os %}}{{{{ os.mkdir('{MADE}') }}}}",
    "{{ profile }}",
    "{{ env.app.confdir }}",
    "{{ 7 * 7 }}",
    "{{",
    "}}",
    "{% raw %}",
    "{# gone #}",
    "${profile}",
    "{0}",
    "{profile}",
    "%(profile)s",
    "{{ no_such_name }}",
    "{{{ profile }}}",
    "%PATH%",
    "$HOME",
    "`id`",
    "$(id)",
]
_MARKDOWN = [
    "**bold**",
    "*slanted*",
    "_slanted_",
    "__bold__",
    "`code`",
    "``a`b``",
    "[link](https://evil.example)",
    "![image](https://evil.example/x.png)",
    "[ref]: https://evil.example",
    "[ref][ref]",
    "<https://evil.example>",
    "https://evil.example",
    "[^1]",
    "[^1]: note",
    "# heading",
    "heading #",
    "===",
    "---",
    "***",
    "- item",
    "+ item",
    "* item",
    "1. item",
    "12) item",
    "> quote",
    "~~~",
    "```",
    "~~struck~~",
    "a | b | c",
    "|---|",
    "\\",
    "\\*",
    "  x",
    "    indented",
    "\\\\",
    "a\\",
    "$x^2$",
    "$$x$$",
    "\\(x\\)",
    "$\\frac{1}",
    "x_1_y",
    "snake_case",
    "-x",
    "a--b",
]
_MYST = [
    "{raw}`html <b>x</b>`",
    "{eval-rst}`x`",
    f"{{download}}`{MADE}`",
    "{doc}`/index`",
    "{cite}`xiong2025`",
    "```{include} /etc/passwd",
    "```{raw} html",
    ":::{image} x.png",
    ":::",
    "::::{grid}",
    "(target)=",
    "% comment",
    "+++",
    ": definition",
    "<inv:#x>",
    "[](#target)",
    "|profile|",
    ".. include:: /etc/passwd",
    "{#id .class}",
    "---\nmyst: {}\n---",
    "a\n\nb",
    "a\n# b",
    "a\r\n- b",
    "\tx",
    "x\n```{raw} html\n<b>y</b>\n```",
]
_ODD = ["Ünïcode 名前 ❤", "a’b “c”", "0.93", "1,234", "-0.5", "None", "nan", "é" * 40]

WORDS = [*_TAGS, *_TEMPLATES, *_MARKDOWN, *_MYST, *_ODD]  # lawful in params.yaml, but for line ends
UNSEEN = [
    "\x00",
    "bell\x07",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "back\x08\x08",
    "\u202etxt.exe",
    "\u2066x\u2069",
    "zero\u200bwidth",
    "\ufeffmark",
    "line\u2028end",
    "\x85",
    "\udc80half",
    "\U000e0041tag",
    "\u0600x",
]
LONG = ["x" * 5000, "a b " * 1000, "<b>" * 1000, "**" * 1000, "[" * 3000, "名" * 2000]


class Page(HTMLParser):
    """What a browser would see of a page: its elements with their attributes, and its words."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.comments: list[str] = []
        self.said: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.said.append(data)

    def handle_comment(self, data):
        self.comments.append(data)

    def handle_decl(self, decl):
        self.elements.append((f"!{decl.split()[0].lower()}", {}))

    def handle_pi(self, data):
        self.elements.append(("?", {}))

    @property
    def words(self) -> str:
        return "".join(self.said)
