"""Formulas in plain text, as studies and terminals write them, in the mathematics of figures."""

import re

GREEK = {
    "theta": "θ",
    "lambda": "λ",
    "sigma": "σ",
    "beta": "β",
    "alpha": "α",
    "eps": "ε",
    "rho": "ρ",
    "mu": "μ",
}
_WORDS = re.compile(rf"(?<![A-Za-z])({'|'.join(GREEK)})(?![a-z])", re.IGNORECASE)
_LOWERED = str.maketrans("₀₁₂₃", "0123")
# A letter with what hangs on it: β₁, θ_n, S_θ, θ_1*, n^-0.9, lr_x, Σ11. An article is none.
_LETTER = re.compile(
    r"(?<![\w'’\\{}])"
    r"(?P<base>lr(?=_)|[A-Za-zĥ](?![A-Za-z])|[α-ωΓΣ])"
    r"(?P<dot>'(?=[\^\s)]))?"
    r"(?P<low>_[A-Za-zα-ω\d]+|[₀₁₂₃]+|(?<=[α-ωΣ])\d+|(?<=[abc])0)?"
    r"(?P<star>\*)?"
    r"(?P<power>\^(?:[-−]?[\d.]*\d|[A-Za-z]))?"
    r"(?![A-Za-z\d.]\w)"
)


def mathematics(text: str) -> str:
    """Text whose formulas matplotlib sets as mathematics; words stay as they are.

    >>> mathematics("rms |theta - theta*| at a ~ n^-0.9, sum of a link")
    'rms |$θ$ − $θ^{*}$| at $a$ ~ $n^{−0.9}$, sum of a link'
    >>> mathematics("critical sqrt((1 - beta1) / a)")
    'critical $\\\\sqrt{(1\\\\ −\\\\ β_{1})\\\\ /\\\\ a}$'
    """
    text = _WORDS.sub(_greek, text)
    text = re.sub(r"√(\w)", r"sqrt(\1)", text)
    text = re.sub(r"(?<=[\s(])-(?=[\s\d])|^-(?=\d)", "−", text)
    before, root, rest = text.partition("sqrt(")
    if not root:
        return _letters(text)
    inside, after = _closed(rest)
    content = re.sub(r"(?<![\\\w{])[a-z]{2,}", r"\\mathrm{\g<0>}", mathematics(inside))
    content = content.replace("$", "").replace(" ", r"\ ")
    return _letters(before) + rf"$\sqrt{{{content}}}$" + mathematics(after)


def _letters(text: str) -> str:
    made = _LETTER.sub(_letter, text)
    made = re.sub(r"\)\^(\d)", r")$^{\1}$", made)
    return made.replace("$$", "")


def _letter(found: re.Match[str]) -> str:
    base, after = found["base"], found.string[found.end() :]
    bare = found[0] == base
    is_article = bare and base in "aA" and re.match(r" [a-z]{2,}", after) is not None
    if is_article or (bare and base in "AI"):
        return found[0]
    parts = {"ĥ": r"\hat{h}", "lr": r"\mathrm{lr}"}.get(base, base)
    parts += "'" if found["dot"] else ""
    if low := found["low"]:
        low = low.removeprefix("_").translate(_LOWERED)
        parts += f"_{{\\mathrm{{{low}}}}}" if len(low) > 1 and low.isalpha() else f"_{{{low}}}"
    power = ("*" if found["star"] else "") + (found["power"] or "").removeprefix("^")
    parts += f"^{{{power}}}".replace("-", "−") if power else ""
    return f"${parts}$"


def _greek(found: re.Match[str]) -> str:
    name = found[1]
    return "Σ" if name == "Sigma" else GREEK[name.lower()]


def _closed(text: str) -> tuple[str, str]:
    """What stands before the bracket that closes, and after it."""
    depth = 1
    for index, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return text[:index], text[index + 1 :]
    return text, ""
