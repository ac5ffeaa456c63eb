"""A comparison as Markdown, HTML and JSON. Ratios are ours over the peer's: below 1 we need less."""
import html
import json
import re
import statistics

BEGIN, END = "<!-- bench compare: begin -->", "<!-- bench compare: end -->"
PROGRAMS = {"nginx": ("nginx", "-v"), "HAProxy": ("haproxy", "-v"), "Go": ("go", "version"),
            "Node": ("node", "--version"), "Redis": ("redis-server", "--version"),
            "Postgres": ("/usr/lib/postgresql/15/bin/postgres", "--version"), "wrk": ("wrk", "-v")}


def versions(version_of):
    found = {name: version_of(*command) for name, command in PROGRAMS.items()}
    return {name: match.group() for name, lines in found.items()
            if lines and (match := re.search(r"\d+\.\d+(\.\d+)*", lines[0]))}


def summary(contender):
    """Median and spread of the rounds that nobody else disturbed; of all when none was left alone."""
    quiet = [r for r in contender["rounds"] if not r["marked"]]
    used = quiet or contender["rounds"]
    values = sorted(r["cpu_us"] for r in used)
    return {"cpu_us": statistics.median(values), "low": values[0], "high": values[-1], "rounds": len(used),
            "disturbed": len(contender["rounds"]) - len(quiet)}


def meets(ratio, aim):
    """Whether "<= 1.2" holds."""
    return ratio <= float(aim.split()[1])


def rows(group):
    """name, µs, low, high, answers per core-second, ratio, aim, verdict, disturbed; ours first."""
    ours = summary(group["contenders"][0])
    for contender in group["contenders"]:
        own = summary(contender)
        ratio = None if contender["role"] == "ours" else ours["cpu_us"] / own["cpu_us"]
        aim = contender["aim"]
        verdict = "" if not aim else "met" if meets(ratio, aim) else "missed"
        yield (contender["name"], own["cpu_us"], own["low"], own["high"], 1e6 / own["cpu_us"], ratio, aim or "",
               verdict, own["disturbed"])


def texts(row):
    name, middle, low, high, per_core, ratio, aim, verdict, disturbed = row
    return [name + (f" ({disturbed} rounds disturbed)" if disturbed else ""), f"{middle:.1f}",
            f"{low:.1f} to {high:.1f}", f"{per_core:,.0f}", f"{ratio:.2f}" if ratio else "", aim, verdict]


HEADS = ["", "CPU µs per answer", "spread", "answers per core-second", "ours / this", "aim", ""]


def markdown(result):
    facts, lines = result["machine"], []
    lines.append(f"{result['at'][:10]}, {facts['cpu']}, {facts['cores']} cores, {facts['memory_gib']} GiB, "
                 f"{facts['system']}, kernel {facts['kernel']}; "
                 + ", ".join(f"{name} {version}" for name, version in result["versions"].items())
                 + f". Medians of {result['rounds']} rounds of {result['seconds']} s in turn, the server on one "
                 "core, the load on the other.")
    for group in result["groups"]:
        if "figures" in group:
            lines += ["", f"| {group['title']} | {group['unit']} |", "|---|---:|"]
            lines += [f"| {name} | {value:,.0f} |" for name, value in group["figures"].items()]
            continue
        lines += ["", "| " + " | ".join([group["title"], *HEADS[1:]]) + " |", "|---|---:|---:|---:|---:|---:|---|"]
        lines += ["| " + " | ".join(texts(row)) + " |" for row in rows(group)]
    return "\n".join(lines) + "\n"


def text(result):
    """The same for a terminal."""
    lines = []
    for group in result["groups"]:
        lines.append(f"\n{group['title']} ({group['unit']})")
        if "figures" in group:
            lines += [f"  {name:40} {value:12,.0f}" for name, value in group["figures"].items()]
            continue
        lines += ["  {:40} {:>8} {:>18} {:>10} {:>8} {:>8} {}".format(
            "", "CPU µs", "spread", "per core-s", "ours/it", "aim", "")]
        lines += ["  {:40} {:>8} {:>18} {:>10} {:>8} {:>8} {}".format(*texts(row)) for row in rows(group)]
    return "\n".join(lines)


STYLE = ("body{font:16px/1.5 sans-serif;max-width:70em;margin:2em auto;padding:0 1em}"
         "table{border-collapse:collapse;margin:1em 0}td,th{padding:.2em .8em;text-align:right}"
         "td:first-child,th:first-child{text-align:left}tr:nth-child(even){background:#f2f4f7}"
         ".bar{background:#3566b0;height:.8em}.missed{color:#b00020}")


def page(result):
    """One file, no script."""
    facts = result["machine"]
    out = ["<!doctype html><html lang='en'><meta charset='utf-8'><title>callcell and its peers</title>",
           f"<style>{STYLE}</style><h1>callcell and its peers</h1>",
           f"<p>{html.escape(result['at'])}: {html.escape(facts['cpu'])}, {facts['cores']} cores, "
           f"{facts['memory_gib']} GiB, {html.escape(facts['system'])}, kernel {html.escape(facts['kernel'])}</p>"]
    for group in result["groups"]:
        out.append(f"<h2>{html.escape(group['title'])}</h2><table>")
        if "figures" in group:
            out += [f"<tr><td>{html.escape(name)}<td>{value:,.0f}" for name, value in group["figures"].items()]
            out.append("</table>")
            continue
        all_rows = list(rows(group))
        longest = max(row[1] for row in all_rows)
        out.append("<tr>" + "".join(f"<th>{html.escape(head)}" for head in HEADS) + "<th>")
        for row in all_rows:
            cells = "".join(f"<td>{html.escape(cell)}" for cell in texts(row)[:-1])
            out.append(f"<tr>{cells}<td class='{row[7]}'>{row[7]}"
                       f"<td><div class='bar' style='width:{row[1] / longest * 12:.2f}em'></div>")
        out.append("</table>")
    return "\n".join(out) + "</html>\n"


def write(result, folder):
    folder.mkdir(exist_ok=True)
    name = result["at"][:10]
    (folder / f"{name}.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    (folder / f"{name}.html").write_text(page(result))
    (folder / f"{name}.md").write_text(markdown(result))


def into_readme(result, path):
    readme = path.read_text()
    before, rest = readme.split(BEGIN, 1)
    path.write_text(f"{before}{BEGIN}\n{markdown(result)}{END}{rest.split(END, 1)[1]}")
