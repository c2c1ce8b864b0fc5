"""bench/gap.py: how long a container stands still over checkpoint and restore on one host; part of bench/measure.py.

A program in the container beats every millisecond and keeps the longest hole between two beats (bench/heartbeat.c).
Images are on tmpfs; each runtime has the options that make it fastest. After each restore the program looks at
every page of its memory: a fast restore of wrong memory is no result. Owns the scenarios and their targets.
"""
import json
import os
import struct
import subprocess
import sys
import time

# MiB of memory: at most so many ms, and at most half of crun's
TARGETS = {1: 60, 100: 130, 1024: 400}
SHARE_OF_CRUN = 0.5
NULL = subprocess.DEVNULL
WORK = "/run/bench/gap"
SEEN = struct.Struct("<QQQQ")

DUMP_OPTIONS = {
    "stiva": [],
    "crun": ["--manage-cgroups-mode=ignore"],  # --network-lock takes no argument in 1.21
    "runc": [],  # 1.1 knows no "ignore"
}
RESTORE_OPTIONS = DUMP_OPTIONS


class Beats:
    """struct seen of bench/heartbeat.c"""

    def __init__(self, path):
        with open(path, "wb") as f:
            f.truncate(4096)
        self.fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def close(self):
        os.close(self.fd)

    def get(self):
        return dict(zip(("beats", "gap", "wrong", "all"), SEEN.unpack(os.pread(self.fd, SEEN.size, 0))))

    def put(self, at, value):
        os.pwrite(self.fd, struct.pack("<Q", value), 8 * at)

    def wait(self, what, seconds=60):
        end = time.monotonic() + seconds
        while not what(self.get()):
            if time.monotonic() > end:
                sys.exit(f"bench: the heartbeat does not come: {self.get()}")
            time.sleep(0.002)


def call(words):
    """The runtime's streams are the container's as well: nothing of ours, that could not be checkpointed."""
    log = WORK + "/log"
    r = subprocess.run([words[0], "--log", log, *words[1:]], stdin=NULL, stdout=NULL, stderr=NULL)
    if r.returncode:
        with open(log) as f:
            sys.exit(f"bench: {' '.join(words)}: exit status {r.returncode}: {f.read()[-800:]}")


def once(runtime, name, bundle, beats):
    """One checkpoint and restore of the running container c. Returns ms: the gap, and what both verbs took."""
    images = f"{WORK}/images-{name}"
    now = beats.get()["beats"]
    beats.wait(lambda s: s["beats"] > now + 20)
    beats.put(1, 0)
    start = time.monotonic()
    call(runtime + ["checkpoint", "--image-path", images, *DUMP_OPTIONS[name], "c"])
    middle = time.monotonic()
    # Of a checkpointed container crun and runc keep nothing, and we no processes.
    if name == "stiva":
        call(runtime + ["delete", "c"])
    again = time.monotonic()
    call(runtime + ["restore", "-d", "-b", bundle, "--image-path", images, *RESTORE_OPTIONS[name], "c"])
    end = time.monotonic()
    now = beats.get()["beats"]
    beats.wait(lambda s: s["beats"] > now + 20)
    gap = beats.get()["gap"] / 1e6
    beats.put(3, 1)
    beats.wait(lambda s: s["all"] == 2)
    if beats.get()["wrong"]:
        sys.exit(f"bench: {name}: {beats.get()['wrong']} pages are wrong after the restore")
    subprocess.run(["rm", "-rf", images], check=True)
    return {"gap": gap, "checkpoint": (middle - start) * 1e3, "restore": (end - again) * 1e3}


def one_size(a, rt, config, mib, n):
    """{runtime: {measure: [values]}} of n interleaved rounds after one that does not count."""
    got = {k: {"gap": [], "checkpoint": [], "restore": []} for k in rt}
    names = list(rt)
    for i in range(-1, n):
        for j in range(len(names)):
            name = names[(i + j) % len(names)]
            bundle = f"{WORK}/bundle-{name}"
            os.makedirs(bundle, exist_ok=True)
            beats = Beats(f"{WORK}/seen/beats")
            config["process"]["args"] = ["/bench/heartbeat", "/bench/seen/beats", str(mib)]
            with open(bundle + "/config.json", "w") as f:
                json.dump(config, f)
            call(rt[name] + ["run", "-d", "-b", bundle, "c"])
            beats.wait(lambda s: s["beats"] > 20)
            took = once(rt[name], name, bundle, beats)
            call(rt[name] + ["delete", "--force", "c"])
            beats.close()
            for k, v in took.items():
                if i >= 0:
                    got[name][k].append(v)
    return got


def rows(a, rt, config, report, stats, notes):
    """config: a spec for a program in a.rootfs; report.add() takes the rows."""
    sh = subprocess.run
    os.makedirs(WORK + "/seen", exist_ok=True)
    os.makedirs(WORK + "/rootfs/bench/seen", exist_ok=True)
    for d in ("dev", "proc", "sys"):
        os.makedirs(f"{WORK}/rootfs/{d}", exist_ok=True)
    sh(["cp", f"{a.top}/build/heartbeat", WORK + "/rootfs/bench/heartbeat"], check=True)
    sh(["ip", "link", "set", "lo", "up"], check=False)
    config["root"]["path"] = WORK + "/rootfs"
    config["mounts"].append({"destination": "/bench/seen", "source": WORK + "/seen", "type": "bind",
                             "options": ["rbind", "rw"]})
    for mib, most in TARGETS.items():
        got = one_size(a, rt, config, mib, max(3, a.rounds // (6 if mib < 1000 else 12)))
        for key, title in (("gap", "still over checkpoint + restore"), ("checkpoint", "checkpoint"), ("restore", "restore")):
            report.add(f"{title}, {mib} MiB", "ms", {n: stats(v[key]) for n, v in got.items()}, 1,
                       **({"at_most": most, "share": SHARE_OF_CRUN} if key == "gap" else {}))
    notes.append("still: the longest hole in a beat of 1 ms in the container, over both verbs, images on tmpfs; its "
                 "targets: at most " + ", ".join(f"{v} ms ({k} MiB)" for k, v in TARGETS.items())
                 + ", and half of crun; every page is compared after each restore")
