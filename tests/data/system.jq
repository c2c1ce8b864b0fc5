# system.jq: what a config of `stiva spec` needs for a systemd as process 1 (docs/systemd.md).
.process.args = ["/usr/lib/systemd/systemd"] | .process.terminal = false
| .process.env = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "container=oci", "LANG=C.UTF-8"]
| .process.capabilities[] = ["CAP_AUDIT_CONTROL","CAP_AUDIT_READ","CAP_AUDIT_WRITE","CAP_CHOWN","CAP_DAC_OVERRIDE","CAP_DAC_READ_SEARCH","CAP_FOWNER","CAP_FSETID","CAP_IPC_OWNER","CAP_KILL","CAP_LEASE","CAP_LINUX_IMMUTABLE","CAP_NET_ADMIN","CAP_NET_BIND_SERVICE","CAP_NET_BROADCAST","CAP_NET_RAW","CAP_SETFCAP","CAP_SETGID","CAP_SETPCAP","CAP_SETUID","CAP_SYS_ADMIN","CAP_SYS_BOOT","CAP_SYS_CHROOT","CAP_SYS_NICE","CAP_SYS_PTRACE","CAP_SYS_RESOURCE","CAP_SYS_TTY_CONFIG"]
| .process.noNewPrivileges = false | .process.rlimits = []
| .root.readonly = false | .hostname = "box"
| .annotations = {"org.opencontainers.image.stopSignal": "SIGRTMIN+3"}
| .linux.namespaces = [{type:"pid"},{type:"network"},{type:"mount"},{type:"ipc"},{type:"uts"},{type:"cgroup"}]
| .linux.maskedPaths = [] | .linux.readonlyPaths = [] | del(.linux.seccomp) | del(.linux.resources)
| .mounts = [
 {destination:"/proc",type:"proc",source:"proc",options:["nosuid","noexec","nodev"]},
 {destination:"/sys",type:"sysfs",source:"sysfs",options:["nosuid","noexec","nodev","ro"]},
 {destination:"/sys/fs/cgroup",type:"cgroup",source:"cgroup",options:["nosuid","noexec","nodev","rw"]},
 {destination:"/dev",type:"tmpfs",source:"tmpfs",options:["nosuid","strictatime","mode=755","size=65536k"]},
 {destination:"/dev/pts",type:"devpts",source:"devpts",options:["nosuid","noexec","newinstance","ptmxmode=0666","mode=0620","gid=5"]},
 {destination:"/dev/shm",type:"tmpfs",source:"shm",options:["nosuid","noexec","nodev","mode=1777","size=65536k"]},
 {destination:"/dev/mqueue",type:"mqueue",source:"mqueue",options:["nosuid","noexec","nodev"]},
 {destination:"/run",type:"tmpfs",source:"tmpfs",options:["nosuid","nodev","mode=755"]},
 {destination:"/tmp",type:"tmpfs",source:"tmpfs",options:["nosuid","nodev","mode=1777"]},
 {destination:"/var/log/journal",type:"tmpfs",source:"tmpfs",options:["nosuid","nodev","mode=755"]}
]
