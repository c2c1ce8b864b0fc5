"""What crun's suite uses of util-linux's Python binding, which Debian does not package: a table of
mounts read from a file in the layout of /proc/self/mountinfo (proc_pid_mountinfo(5))."""
import re


class Fs:
    def __init__(self, line):
        head, tail = line.split(' - ', 1)
        fields = head.split(' ')
        self.target = re.sub(r'\\([0-7]{3})', lambda m: chr(int(m[1], 8)), fields[4])
        self.vfs_options = fields[5]
        self.fstype, self.source, self.fs_options = tail.split(' ')[:3]


class Table:
    def __init__(self, path):
        with open(path) as stream:
            self.mounts = [Fs(line.rstrip('\n')) for line in stream if ' - ' in line]

    def find_target(self, target):
        """The topmost mount there."""
        return [m for m in self.mounts if m.target == target][-1]
