"""How a report's page looks, light and dark. Colours are told apart by the colour-blind (after Okabe and Ito), and
have the contrast that WCAG AA asks for: 4.5 for letters, 3 for lines.
"""

LIGHT = {
    "page": "#f6f7f9",
    "card": "#ffffff",
    "ink": "#1a1f27",
    "soft": "#565f6c",
    "line": "#d9dde3",
    "zero": "#3a4350",
    "good": "#006b4d",
    "bad": "#b3261e",
    "unsure": "#8a5300",
    "good-back": "#e2f4ec",
    "bad-back": "#fde9e7",
    "unsure-back": "#fdf0dc",
    "plain-back": "#e9ecf1",
    "c0": "#6b7686",
    "c1": "#0067a8",
    "c2": "#c2500a",
    "c3": "#00805c",
    "c4": "#a2478a",
    "c5": "#8a6d00",
    "c6": "#3f51b5",
    "c7": "#5d4037",
}
DARK = {
    "page": "#12151a",
    "card": "#1b2028",
    "ink": "#e8ebf0",
    "soft": "#a6afbc",
    "line": "#343c48",
    "zero": "#c5ccd6",
    "good": "#5fd3a6",
    "bad": "#ff9a8f",
    "unsure": "#f3bd62",
    "good-back": "#12352a",
    "bad-back": "#43201d",
    "unsure-back": "#3d2d10",
    "plain-back": "#2a313c",
    "c0": "#9aa5b4",
    "c1": "#5cb8ee",
    "c2": "#f2994a",
    "c3": "#3fc79a",
    "c4": "#e08cc6",
    "c5": "#e3c74a",
    "c6": "#9fa8f5",
    "c7": "#c9a08f",
}
_TONES = ("good", "bad", "unsure")
_RULES = """
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);
 font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Noto Sans CJK JP",sans-serif}
main{max-width:1120px;margin:0 auto;padding:24px 20px 64px}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 8px;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:0 0 12px}
h3{font-size:.95rem;margin:0 0 2px;overflow-wrap:anywhere}
p{margin:0 0 10px;max-width:76ch;overflow-wrap:anywhere}
ul{margin:0 0 10px;padding-left:1.2em;max-width:76ch}
li{margin:0 0 4px;overflow-wrap:anywhere}
.about{display:flex;flex-wrap:wrap;gap:6px 8px;margin:0 0 20px;padding:0;list-style:none;max-width:none}
.about li{background:var(--plain-back);border-radius:99px;padding:1px 10px;font-size:.82rem;color:var(--ink);margin:0}
.verdict{border-left:6px solid var(--soft);background:var(--card);border-radius:6px;padding:16px 20px;margin:0 0 28px}
.verdict p{font-size:1.2rem;line-height:1.4;font-weight:600;margin:0}
.verdict p+p{font-size:1rem;font-weight:400;margin-top:8px}
section,details.section{margin:0 0 28px}
details.section>summary{font-size:1.15rem;font-weight:700;cursor:pointer;padding:4px 0}
.card{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:14px 16px;min-width:0}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,340px),1fr));gap:14px;margin:0 0 14px}
.charts:has(>.card:only-child){grid-template-columns:minmax(0,560px)}
.card p{font-size:.85rem;color:var(--soft);margin:0 0 8px}
.scroll{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:8px;margin:0 0 14px}
.scroll:focus-visible,summary:focus-visible{outline:2px solid var(--c1);outline-offset:2px}
table{border-collapse:collapse;width:100%;font-size:.9rem;font-variant-numeric:tabular-nums}
th,td{padding:7px 12px;text-align:left;vertical-align:top;border-top:1px solid var(--line)}
thead th{border-top:0;color:var(--soft);font-weight:600;font-size:.82rem;white-space:nowrap}
tbody th{font-weight:600;max-width:32ch;overflow-wrap:break-word}
.n{text-align:right;white-space:nowrap}
.w{white-space:nowrap}
td{max-width:56ch;overflow-wrap:break-word}
.card details{margin-top:8px;font-size:.85rem;color:var(--soft)}
.card details summary{cursor:pointer}
.card details .scroll{border:0;margin:6px 0 0}
.card table{font-size:.8rem}
.card th,.card td{padding:3px 8px}
dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:4px 18px;margin:0 0 12px}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere;max-width:76ch}
ul.legend{display:flex;flex-wrap:wrap;gap:2px 14px;list-style:none;padding:0;margin:0 0 6px;font-size:.82rem}
.legend svg{width:26px;height:10px;margin-right:5px;vertical-align:middle}
.chart>svg{display:block;width:100%;height:auto}
svg text{font:11px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;fill:var(--soft)}
svg text.strong{fill:var(--ink);font-weight:600}
svg text{paint-order:stroke;stroke:var(--card);stroke-width:3px;stroke-linejoin:round}
svg polyline{fill:none;stroke:var(--soft);stroke-width:1}
svg .grid{stroke:var(--line)}
svg .zero{stroke:var(--zero);stroke-width:1.4;stroke-dasharray:5 3}
svg .planned{stroke:var(--ink);stroke-width:2.2}
svg .line{stroke-width:2;stroke-linejoin:round}
svg .band{fill:var(--c1);fill-opacity:.16}
svg .edge{stroke:var(--c1);stroke-opacity:.55}
svg .span{stroke-width:4}
svg .median{stroke-width:1.4}
svg .area{fill-opacity:.1}
svg .d1{stroke-dasharray:7 3}
svg .d2{stroke-dasharray:2 2.5}
svg .d3{stroke-dasharray:9 3 2 3}
.line.d0,.median.d0{stroke-dasharray:none}
svg .reach{fill:var(--soft);fill-opacity:.28}
svg .dot{fill:var(--soft)}
svg .end{stroke:var(--soft);stroke-width:2}
footer{color:var(--soft);font-size:.85rem}
@media (max-width:560px){
 main{padding:16px 12px 48px}
 h1{font-size:1.35rem}
 .verdict{padding:12px 14px}
 .verdict p{font-size:1.08rem}
 dl{grid-template-columns:minmax(0,1fr);gap:0}
 dd{margin:0 0 8px}
 th,td{padding:6px 8px}
}
@media print{body{background:#fff}.card,.verdict,.scroll{break-inside:avoid}}
"""


def css() -> str:
    dark = ":root{color-scheme:dark;" + _variables(DARK) + "}"
    series = "".join(
        f"svg .line.c{i},svg .median.c{i},svg .span.c{i}{{stroke:var(--c{i})}}"
        f"svg .bar.c{i},svg .area.c{i},svg .mark.c{i}{{fill:var(--c{i})}}"
        for i in range(8)
    )
    tones = "".join(
        f".verdict.{tone}{{border-color:var(--{tone});background:var(--{tone}-back)}}.t-{tone}{{color:var(--{tone})}}"
        f"tr.{tone} .w{{color:var(--{tone});font-weight:600}}"
        f"svg .reach.{tone},svg .dot.{tone}{{fill:var(--{tone})}}svg .end.{tone}{{stroke:var(--{tone})}}"
        for tone in _TONES
    )
    light = ":root{color-scheme:light;" + _variables(LIGHT) + "}"
    return f"{light}@media (prefers-color-scheme:dark){{{dark}}}{_RULES}{series}{tones}"


def _variables(colours: dict[str, str]) -> str:
    return "".join(f"--{name}:{colour};" for name, colour in colours.items())
