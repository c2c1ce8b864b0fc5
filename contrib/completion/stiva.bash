# bash completion of stiva: made by `stiva completion bash`
_stiva_rows()
{
	opts='' args='' words=()
	case $1 in
	'')
		opts='--root --log --log-format --log-level --debug --strict --systemd-cgroup --cgroup-manager --rootless --criu -v --version -h --help'
		args=' --root:dir --log:file --log-format:=text,json --log-level:=error,warning,info,debug --cgroup-manager:=cgroupfs,systemd,disabled --criu:file'
		words=('=create start run exec pause resume update resize autosize mounts kill wait delete list state inspect ps events stats checkpoint restore migrate doctor spec validate features help completion')
		;;
	create)
		opts='-b --bundle -f --config --console-socket --pidfd-socket --pid-file --no-pivot --no-new-keyring --view --view-from --preserve-fds --no-subreaper --plan -h --help'
		args=' -b:dir --bundle:dir -f:file --config:file --console-socket:file --pidfd-socket:file --pid-file:file --view-from:dir --preserve-fds:'
		words=()
		;;
	start)
		opts='-h --help'
		args=''
		words=('=id')
		;;
	run)
		opts='-d --detach --keep -b --bundle -f --config --console-socket --pidfd-socket --pid-file --no-pivot --no-new-keyring --view --view-from --preserve-fds --no-subreaper --plan -h --help'
		args=' -b:dir --bundle:dir -f:file --config:file --console-socket:file --pidfd-socket:file --pid-file:file --view-from:dir --preserve-fds:'
		words=()
		;;
	exec)
		opts='-p --process -d --detach -t --tty --console-socket --pidfd-socket --pid-file -u --user -g --additional-gids --cwd -e --env -c --cap --no-new-privs --apparmor --process-label --preserve-fds --cgroup --ignore-paused -h --help'
		args=' -p:file --process:file --console-socket:file --pidfd-socket:file --pid-file:file -u: --user: -g: --additional-gids: --cwd: -e: --env: -c: --cap: --apparmor: --process-label: --preserve-fds: --cgroup:'
		words=('=id')
		;;
	pause)
		opts='-h --help'
		args=''
		words=('=id')
		;;
	resume)
		opts='-h --help'
		args=''
		words=('=id')
		;;
	update)
		opts='-r --resources --memory --memory-reservation --memory-swap --cpu-quota --cpu-period --cpu-burst --cpu-share --cpu-idle --cpuset-cpus --cpuset-mems --pids-limit --blkio-weight --l3-cache-schema --mem-bw-schema -h --help'
		args=' -r:file --resources:file --memory: --memory-reservation: --memory-swap: --cpu-quota: --cpu-period: --cpu-burst: --cpu-share: --cpu-idle: --cpuset-cpus: --cpuset-mems: --pids-limit: --blkio-weight: --l3-cache-schema: --mem-bw-schema:'
		words=('=id')
		;;
	resize)
		opts='-m --memory --swap --reservation -c --cpus --cpuset --cpuset-mems --weight --pids --io --io-weight -n --dry-run -f --force -t --timeout --format -h --help'
		args=' -m: --memory: --swap: --reservation: -c: --cpus: --cpuset: --cpuset-mems: --weight: --pids: --io: --io-weight: -t: --timeout: --format:=table,json'
		words=('=id')
		;;
	autosize)
		opts='--memory --cpus --policy --budget --weight --explain -f --format -h --help'
		args=' --memory: --cpus: --policy:file --budget: --weight: -f:=text,json --format:=text,json'
		words=('=id')
		;;
	mounts)
		opts='-h --help'
		args=''
		words=('=add remove' '=id' 'file')
		;;
	kill)
		opts='-a --all -r --regex -h --help'
		args=''
		words=('=id' '=TERM KILL INT HUP QUIT USR1 USR2 STOP CONT WINCH')
		;;
	wait)
		opts='-f --format -h --help'
		args=' -f:=text,json --format:=text,json'
		words=('=id')
		;;
	delete)
		opts='-f --force -r --regex -h --help'
		args=''
		words=('=id')
		;;
	list)
		opts='-q --quiet -f --format -h --help'
		args=' -f:=table,json --format:=table,json'
		words=()
		;;
	state)
		opts='-h --help'
		args=''
		words=('=id')
		;;
	inspect)
		opts='-f --format -h --help'
		args=' -f: --format:'
		words=('=id')
		;;
	ps)
		opts='-f --format -h --help'
		args=' -f:=table,json --format:=table,json'
		words=('=id')
		;;
	events)
		opts='--stats --limits --interval -f --format -h --help'
		args=' --interval: -f:=json,table --format:=json,table'
		words=('=id')
		;;
	stats)
		opts='--no-stream --interval --sort -f --format -h --help'
		args=' --interval: --sort:=id,cpu,memory,pids,io -f:=table,json --format:=table,json'
		words=()
		;;
	checkpoint)
		opts='--parent-path --status-fd --leave-running --pre-dump --check --image-path --work-path --page-server --tcp-established --tcp-close --tcp-skip-in-flight --ext-unix-sk --shell-job --file-locks --link-remap --lazy-pages --manage-cgroups-mode --empty-ns --auto-dedup --network-lock -h --help'
		args=' --parent-path:dir --status-fd: --image-path:dir --work-path:dir --page-server: --manage-cgroups-mode:=soft,full,strict,ignore --empty-ns:=network --network-lock:=iptables,nftables,skip'
		words=('=id')
		;;
	restore)
		opts='-b --bundle --console-socket --pid-file -d --detach --no-subreaper --no-pivot --lsm-profile --lsm-mount-context --image-path --work-path --page-server --tcp-established --tcp-close --tcp-skip-in-flight --ext-unix-sk --shell-job --file-locks --link-remap --lazy-pages --manage-cgroups-mode --empty-ns --auto-dedup --network-lock -h --help'
		args=' -b:dir --bundle:dir --console-socket:file --pid-file:file --lsm-profile: --lsm-mount-context: --image-path:dir --work-path:dir --page-server: --manage-cgroups-mode:=soft,full,strict,ignore --empty-ns:=network --network-lock:=iptables,nftables,skip'
		words=()
		;;
	migrate)
		opts='--mode --max-downtime --max-iterations --bandwidth --on-stall --volume -b --bundle --replace --console-socket --rsh --remote-stiva --check --recover --on-doubt --doubt --silence --max-frozen -f --format -q --quiet --tcp-established --tcp-close --tcp-skip-in-flight --ext-unix-sk --file-locks --link-remap -h --help'
		args=' --mode:=precopy,stop --max-downtime: --max-iterations: --bandwidth: --on-stall:=auto,throttle,force,abort --volume: -b:dir --bundle:dir --console-socket:file --rsh: --remote-stiva: --on-doubt:=wait,source,destination --doubt: --silence: --max-frozen: -f:=text,json --format:=text,json'
		words=('=id')
		;;
	doctor)
		opts='-f --format -h --help'
		args=' -f:=text,json --format:=text,json'
		words=()
		;;
	spec)
		opts='-b --bundle -f --config --rootless -h --help'
		args=' -b:dir --bundle:dir -f:file --config:file'
		words=()
		;;
	validate)
		opts='-b --bundle -f --config -h --help'
		args=' -b:dir --bundle:dir -f:file --config:file'
		words=('=dir')
		;;
	features)
		opts='-h --help'
		args=''
		words=()
		;;
	help)
		opts='-h --help'
		args=''
		words=('=create start run exec pause resume update resize autosize mounts kill wait delete list state inspect ps events stats checkpoint restore migrate doctor spec validate features help completion')
		;;
	completion)
		opts='-h --help'
		args=''
		words=('=bash zsh fish')
		;;
	esac
}

# Words before the cursor: the verb, how many words it has, what the last option waits for.
# bash splits at "=", so --x=v is three words.
_stiva()
{
	local cur=${COMP_WORDS[COMP_CWORD]} verb='' opts args words root='' w a i n=0 kind=''
	_stiva_rows ''
	for ((i = 1; i < COMP_CWORD; i++)); do
		w=${COMP_WORDS[i]}
		if [[ $w == '=' ]]; then continue; fi
		if [[ $kind ]]; then
			if [[ $kind == root: ]]; then root=$w; fi
			kind=''
			continue
		fi
		if [[ $w == -* ]]; then
			for a in $args; do
				if [[ ${a%%:*} == "$w" ]]; then kind=:${a#*:}; fi
			done
			if [[ $w == --root && -z $verb ]]; then kind=root:; fi
		elif [[ -z $verb ]]; then
			verb=$w
			_stiva_rows "$verb"
		else
			n=$((n + 1))
		fi
	done
	if [[ $cur == '=' ]]; then cur=''; fi
	if [[ $kind == root: ]]; then kind=:dir; fi
	if [[ -z $kind && $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$opts" -- "$cur")
		return
	fi
	if [[ -z $kind ]]; then kind=${words[n]:-:}; kind=:${kind#:}; fi
	case $kind in
	:file) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	:dir | :=dir) mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
	:=id) mapfile -t COMPREPLY < <(compgen -W "$(stiva ${root:+--root "$root"} list -q 2>/dev/null)" -- "$cur") ;;
	:=*) a=${kind#:=}; mapfile -t COMPREPLY < <(compgen -W "${a//,/ }" -- "$cur") ;;
	esac
}
complete -o filenames -F _stiva stiva
