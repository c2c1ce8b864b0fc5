#!/usr/bin/python3
"""bench/measure.py: the measurements of bench/run; runs as root inside scripts/in-deb13.

Every scenario is a set of commands, one per runtime. They are run in rounds, one sample of each per round
and in turning order, so that the noise of the machine falls on all alike. One sample is one build/stopwatch.
Owns the scenarios, the table and the JSON. Only the modules of Debian's python3-minimal are used.
"""
import argparse
import json
import os
import platform
import re
import subprocess
import sys
import time

import gap

WORK = "/run/bench"
NAMES = ["floor", "stiva", "crun", "runc"]
NULL = subprocess.DEVNULL


def sh(*words, check=True, **kw):
    r = subprocess.run(words, stdin=NULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kw)
    if check and r.returncode:
        sys.exit(f"bench: {' '.join(words)}: {r.stderr.strip()[-500:] or r.returncode}")
    return r.stdout


def read(path):
    try:
        with open(path) as f:
            return f.read()
    except OSError:
        return ""


def rank(values, share):
    v = sorted(values)
    return v[min(len(v) - 1, int(len(v) * share))]


def stats(values):
    return {"median": rank(values, 0.5), "p95": rank(values, 0.95), "min": min(values), "n": len(values)}


# ---- bundles ----

def bundle(name, config):
    path = f"{WORK}/{name}"
    os.makedirs(path, exist_ok=True)
    with open(path + "/config.json", "w") as f:
        json.dump(config, f)
    return path


def spec_of(program, a, args):
    """What the runtime's own `spec` writes, for a program without a terminal."""
    path = f"{WORK}/spec-{os.path.basename(program)}"
    os.makedirs(path, exist_ok=True)
    if not os.path.exists(path + "/config.json"):
        sh(program, "spec", cwd=path)
    config = json.loads(read(path + "/config.json"))
    config["process"].update(args=args, terminal=False)
    config["root"]["path"] = a.rootfs
    return config


CATCHER = """#!/bin/sh
# Stands in for a runtime: keeps the config.json that podman made, and fails.
while [ $# -gt 0 ]; do
	case $1 in --bundle|-b) cp "$2/config.json" %s/podman.json ;; esac
	shift
done
exit 1
"""


def podman_config(a, notes):
    """The config.json of a real podman container; what only podman can have is replaced."""
    catcher = WORK + "/catcher"
    with open(catcher, "w") as f:
        f.write(CATCHER % WORK)
    os.chmod(catcher, 0o755)
    sh("podman", "--cgroup-manager=cgroupfs", "--runtime", catcher, "run", "--rm", "--network=none",
       "--pids-limit=-1", "--security-opt=seccomp=/usr/share/containers/seccomp.json", "--rootfs", a.rootfs,
       "/bin/true", check=False)
    source = "podman run, caught by a stand-in runtime"
    if not os.path.exists(WORK + "/podman.json"):
        source = "tests/data/spec/podman.json"
        sh("cp", f"{a.top}/{source}", WORK + "/podman.json")
    config = json.loads(read(WORK + "/podman.json"))
    notes.append("podman's config: " + source)
    config["process"].update(args=["/bin/true"], terminal=False)
    config["root"]["path"] = a.rootfs
    config.pop("hooks", None)
    linux = config["linux"]
    linux.pop("cgroupsPath", None)
    for ns in linux["namespaces"]:
        ns.pop("path", None)
    for i, m in enumerate(config["mounts"]):
        if m.get("type") == "bind" or "bind" in m.get("options", []) or "rbind" in m.get("options", []):
            own = f"{WORK}/source{i}"
            if m["destination"] in ("/dev/shm", "/data"):
                os.makedirs(own, exist_ok=True)
            else:
                open(own, "w").close()
            m["source"] = own
    have = read("/sys/fs/cgroup/cgroup.controllers").split()
    dropped = [k for k in ("memory", "cpu", "pids") if k in linux["resources"] and k not in have]
    for k in dropped:
        del linux["resources"][k]
    if dropped:
        notes.append("podman's config without the limits of controllers absent here: " + ", ".join(dropped))
    # More than this machine lets root raise.
    config["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 1024, "hard": 1024}]
    return config


# ---- samples ----

def sample(a, command, copies=1):
    """One stopwatch. command: a list of words, "+" between commands."""
    out = sh(a.stopwatch, "-p", str(copies), "--", *command).split()
    if len(out) != 6 or out[5] != "0":
        for one in " ".join(command).split(" + "):
            r = subprocess.run(one.replace("%", "0").split(), stdin=NULL, stdout=NULL,
                               stderr=subprocess.PIPE, text=True)
            print(f"bench: {one}: exit {r.returncode}: {r.stderr[-300:]}", file=sys.stderr)
        sys.exit("bench: status " + " ".join(out))
    wall, user, system, rss, faults = (int(w) for w in out[:5])
    return {"wall": wall / 1e6, "cpu": (user + system) / 1e3, "rss": rss, "faults": faults}


def rounds(a, commands, n, copies=1):
    """commands: {runtime: words}. Returns {runtime: {measure: [values]}}."""
    names = list(commands)
    got = {k: {"wall": [], "cpu": [], "rss": [], "faults": []} for k in names}
    for i in range(-3, n):
        for j in range(len(names)):
            name = names[(i + j) % len(names)]
            s = sample(a, commands[name], copies)
            for k in got[name]:
                if i >= 0:
                    got[name][k].append(s[k])
    return got


class Report:
    def __init__(self):
        self.rows = []

    def add(self, name, unit, values, digits=2, above_floor=None, at_most=None, share=1):
        """above_floor: the target is not crun's value but so much more than the floor. at_most: the target is this
        value, and this share of crun's."""
        row = {"name": name, "unit": unit, "values": values}
        base = {k: v["median"] for k, v in values.items()}
        for to in ("floor", "crun"):
            if base.get(to) and "stiva" in base:
                row["to_" + to] = base["stiva"] / base[to]
        row["ok"] = base["stiva"] <= (base["crun"] * share if above_floor is None else base["floor"] + above_floor)
        if at_most is not None:
            row["ok"] = row["ok"] and base["stiva"] <= at_most
        row["digits"] = digits
        self.rows.append(row)
        self.show(row)

    @staticmethod
    def head():
        print(f"{'':34}" + "".join(f"{n:>16}" for n in NAMES) + f"{'stiva/floor':>13}{'stiva/crun':>12}")
        print(f"{'':34}" + f"{'median (p95)':>16}" * 4)

    @staticmethod
    def show(row):
        line = f"{row['name'] + ', ' + row['unit']:34}"
        for n in NAMES:
            v = row["values"].get(n)
            d = row["digits"]
            if not v:
                text = "-"
            elif v["n"] == 1:
                text = f"{v['median']:.{d}f}"
            else:
                text = f"{v['median']:.{d}f} ({v['p95']:.{d}f})"
            line += f"{text:>16}"
        for to in ("floor", "crun"):
            r = row.get("to_" + to)
            line += f"{r:>{13 if to == 'floor' else 12}.2f}" if r else " " * (12 if to == "floor" else 11) + "-"
        print(line, flush=True)


# ---- scenarios ----

def base_commands(a, which):
    """{runtime: [program, --root, DIR]}"""
    return {n: [p, "--root", f"{WORK}/state-{n}"] for n, p in which.items()}


def time_rows(a, rt, bundles, report):
    def run(kind):
        return {n: c + ["run", "-b", bundles[n] if kind == "own" else bundles[kind], "r%"] for n, c in rt.items()}

    def with_floor(commands):
        return {"floor": [a.floor, a.rootfs, "/sys/fs/cgroup/floor%"], **commands}

    def walls(name, got):
        report.add(name, "ms", {n: stats(v["wall"]) for n, v in got.items()})

    n = a.rounds
    walls("run true, own spec", rounds(a, with_floor(run("own")), n))
    common = rounds(a, with_floor(run("common")), n)
    walls("run true, crun's spec", common)
    walls("run true, podman's config", rounds(a, with_floor(run("podman")), n))
    walls("create + start + delete", rounds(a, {
        k: c + ["create", "-b", bundles["common"], "c"] + ["+"] + c + ["start", "c"] + ["+"]
        + c + ["delete", "--force", "c"] for k, c in rt.items()}, n))
    for c in rt.values():
        sh_quiet(c + ["run", "-d", "-b", bundles["idle"], "e"])
    walls("exec true", rounds(a, {k: c + ["exec", "e", "/bin/true"] for k, c in rt.items()}, n))
    for c in rt.values():
        sh_quiet(c + ["delete", "--force", "e"])
    walls("8 runs at once", rounds(a, with_floor(run("common")), max(5, n // 4), 8))
    report.add("cpu time of run true", "ms", {k: stats(v["cpu"]) for k, v in common.items()})
    report.add("page faults of run true", "", {k: stats(v["faults"]) for k, v in common.items()}, 0)
    report.add("peak memory of run true", "KiB", {k: stats(v["rss"]) for k, v in common.items()}, 0)


# What cgroup v2 has here whether or not it has controllers, and what every kernel with PSI takes: a trigger, which
# ends with the open file. The kernel waits for an RCU grace period to end it: that is in the floor as well.
TRIGGER = "some 150000 2000000 "


def update_rows(a, rt, bundles, report, notes):
    with open(WORK + "/resources", "w") as f:
        json.dump({"unified": {"cpu.pressure": TRIGGER}}, f)
    for n, c in rt.items():
        sh_quiet(c + ["run", "-d", "-b", bundles["idle"], "u-" + n])
    pid = json.loads(sh(*rt["stiva"], "state", "u-stiva"))["pid"]
    path = re.search(r"^0::(.*)$", read(f"/proc/{pid}/cgroup"), re.M).group(1)
    got = rounds(a, {"floor": [a.floor, "write", f"/sys/fs/cgroup{path}/cpu.pressure", TRIGGER], **{
        n: c + ["update", "-r", WORK + "/resources", "u-" + n] for n, c in rt.items()}}, 2 * a.rounds)
    for n, c in rt.items():
        sh_quiet(c + ["delete", "--force", "u-" + n])
    report.add("update of one value", "ms", {k: stats(v["wall"]) for k, v in got.items()}, above_floor=2)
    report.add("cpu time of that update", "ms", {k: stats(v["cpu"]) for k, v in got.items()})
    notes.append("update of one value: a trigger of cpu.pressure by unified, since no controller is in cgroup v2 here;"
                 " the kernel takes an RCU grace period for it. Its target: at most 2 ms more than the bare write")


def sh_quiet(words):
    """Detached programs must not hold our pipes."""
    r = subprocess.run(words, stdin=NULL, stdout=NULL, stderr=NULL)
    if r.returncode:
        sys.exit(f"bench: {' '.join(words)}: exit status {r.returncode}")


def pids():
    return {int(p) for p in os.listdir("/proc") if p.isdigit()}


def held(pid):
    """KiB that end with this process: its PSS; of a memfd that it runs from, all of it."""
    text = read(f"/proc/{pid}/smaps_rollup")
    kib = {k: int(v) for k, v in re.findall(r"^(\w+):\s+(\d+) kB", text, re.M)}
    total = kib.get("Pss", 0)
    try:
        if os.readlink(f"/proc/{pid}/exe").startswith("/memfd:"):
            size = os.stat(f"/proc/{pid}/exe").st_blocks // 2
            total += max(0, size - kib.get("Pss_Shmem", 0))
    except OSError:
        pass
    return total


def memory_rows(a, rt, bundles, report):
    copies = 4
    for verb, title in (("run", "held by a running container"), ("create", "held by a created container")):
        values = {}
        for n, c in rt.items():
            before, own = pids(), set()
            for i in range(copies):
                words = c + ([verb, "-d"] if verb == "run" else [verb]) + ["-b", bundles["idle"], f"m{i}"]
                sh_quiet(words)
                if verb == "run":
                    own.add(json.loads(sh(*c, "state", f"m{i}"))["pid"])
            time.sleep(0.2)
            left = pids() - before - own
            values[n] = stats([sum(held(p) for p in left) / copies])
            for i in range(copies):
                sh_quiet(c + ["delete", "--force", f"m{i}"])
        report.add(title, "KiB", values, 0)


CALL = re.compile(r"^(\d+) +(?:<\.\.\. )?(\w+)(\(|.* resumed>)")


def count_calls(trace):
    """System calls, each process's only up to its exec of the container's program."""
    n, over = 0, set()
    for line in trace.splitlines():
        m = CALL.match(line)
        if not m or m.group(1) in over or m.group(3) != "(":
            continue
        n += 1
        if re.search(r'\bexecve(at)?\(.*\["(/bin/)?true"\]', line):
            over.add(m.group(1))
    return n


def call_rows(a, rt, bundles, report):
    for kind, title in (("common", "system calls of run true"), ("podman", "the same, podman's config")):
        values = {}
        commands = {"floor": [a.floor, a.rootfs, "/sys/fs/cgroup/floor"],
                    **{n: c + ["run", "-b", bundles[kind], "s"] for n, c in rt.items()}}
        for n, c in commands.items():
            sh("strace", "-f", "-qq", "-o", WORK + "/trace", *c)
            values[n] = stats([count_calls(read(WORK + "/trace"))])
        report.add(title, "", values, 0)


def step_times(a, rt, bundles):
    """STIVA_TIMING: where the time of a launch goes, medians in microseconds, in order of first end."""
    path, steps = WORK + "/timing", {}
    os.environ["STIVA_TIMING"] = path
    for _ in range(a.rounds):
        sample(a, rt["stiva"] + ["run", "-b", bundles["podman"], "t"])
    del os.environ["STIVA_TIMING"]
    for line in read(path).splitlines():
        words = line.split()
        steps.setdefault(f"{words[0]}.{words[1]}", []).append(int(words[2]))
    return {k: stats(v) for k, v in steps.items()}


def show_steps(steps):
    print("\nwhere the time goes (stiva run, podman's config; median us; init and launch are the child's, while the"
          "\nparent waits in create.ready and after it)")
    for part in dict.fromkeys(k.split(".")[0] for k in steps):
        mine = {k.split(".")[1]: v["median"] for k, v in steps.items() if k.startswith(part + ".")}
        print(f"  {part:8}" + "  ".join(f"{k} {v}" for k, v in mine.items() if v))


# ---- the whole ----

def machine():
    cpu = re.search(r"^model name\s*: (.*)$", read("/proc/cpuinfo"), re.M)
    mem = re.search(r"^MemTotal:\s+(\d+)", read("/proc/meminfo"), re.M)
    return {
        "kernel": platform.release(), "arch": platform.machine(), "cpus": os.cpu_count(),
        "cpu": cpu.group(1) if cpu else "", "virtual": "hypervisor" in read("/proc/cpuinfo"),
        "memory_kib": int(mem.group(1)) if mem else 0, "load": read("/proc/loadavg").split()[:3],
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def show_change(a, report):
    """Against the recorded baseline: the ratios to crun, which depend less on the machine than times do."""
    try:
        old = json.loads(read(f"{a.top}/bench/baseline.json"))
    except ValueError:
        return
    was = {r["name"]: r.get("to_crun") for r in old["rows"]}
    worse = [f"{r['name']} {was[r['name']]:.2f} -> {r['to_crun']:.2f}" for r in report.rows
             if was.get(r["name"]) and r.get("to_crun") and r["to_crun"] > 1.3 * was[r["name"]]]
    print(f"\nstiva/crun against the baseline of {old['machine']['time'][:10]}: "
          + ("worse by more than 30 %: " + "; ".join(worse) if worse else "no row worse by more than 30 %"))


# A container that waits for its start is no idle container: its row is shown and recorded, but the price of
# the sealed copy of the runtime, which it holds until then, is paid on purpose (SECURITY.md: a sealed memfd).
NO_TARGET = {"held by a created container"}


def show_target(report):
    print("\ntarget: stiva <= crun in every row (medians); of an update: at most 2 ms more than the bare write; over"
          "\ncheckpoint + restore: the note's")
    for row in report.rows:
        word = "ok" if row["ok"] else "above crun, no target" if row["name"] in NO_TARGET else "not ok"
        print(f"{word} - {row['name']}")
    return all(row["ok"] or row["name"] in NO_TARGET for row in report.rows)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--top", required=True)
    p.add_argument("--rootfs", required=True)
    p.add_argument("--rounds", type=int, default=60)
    p.add_argument("--record", action="store_true")
    p.add_argument("--gap", action="store_true", help="only checkpoint and restore; writes no result")
    a = p.parse_args()
    a.stiva, a.floor, a.stopwatch = (f"{a.top}/build/{n}" for n in ("stiva", "floor", "stopwatch"))
    which = {"stiva": a.stiva, "crun": "/usr/bin/crun", "runc": "/usr/sbin/runc"}
    os.makedirs(WORK, exist_ok=True)
    notes, report = [], Report()
    true = ["/bin/true"]
    bundles = {n: bundle("own-" + n, spec_of(path, a, true)) for n, path in which.items()}
    bundles["common"] = bundle("common", spec_of(which["crun"], a, true))
    bundles["idle"] = bundle("idle", spec_of(which["crun"], a, ["/bin/sleep", "1000"]))
    bundles["podman"] = bundle("podman", podman_config(a, notes))
    rt = base_commands(a, which)
    for n, c in rt.items():
        rt[n] = [which[n]] + c[1:]
    notes += ["peak memory: ru_maxrss of the largest single process of the tree, the container's program "
              "included", "held: PSS of the processes left beside the container's own, the whole memfd counted",
              "floor: no state, no checks, three mounts; see bench/floor.c"]
    result = {"machine": machine(), "rounds": a.rounds, "notes": notes,
              "versions": {n: sh(path, "--version").splitlines()[0] for n, path in which.items()}}
    result["versions"]["podman"] = sh("podman", "--version").strip()
    m = result["machine"]
    print(f"{m['cpus']} x {m['cpu']}, Linux {m['kernel']}, load {m['load'][0]}; "
          + ", ".join(result["versions"].values()) + f"; {a.rounds} interleaved rounds\n")
    report.head()
    if a.gap:
        gap.rows(a, rt, spec_of(which["crun"], a, []), report, stats, notes)
        print("\n" + notes[-1])
        sys.exit(0 if show_target(report) else 1)
    time_rows(a, rt, bundles, report)
    update_rows(a, rt, bundles, report, notes)
    memory_rows(a, rt, bundles, report)
    call_rows(a, rt, bundles, report)
    gap.rows(a, rt, spec_of(which["crun"], a, []), report, stats, notes)
    result["rows"] = report.rows
    result["steps_us"] = step_times(a, rt, bundles)
    show_steps(result["steps_us"])
    print("\n" + "\n".join("note: " + n for n in notes))
    show_change(a, report)
    is_met = show_target(report)
    result["target_met"] = is_met
    for path in ["build/results/bench.json"] + (["bench/baseline.json"] if a.record else []):
        with open(f"{a.top}/{path}", "w") as f:
            json.dump(result, f, indent=1)
            f.write("\n")
    sys.exit(0 if is_met else 1)


main()
