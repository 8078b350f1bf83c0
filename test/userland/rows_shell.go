package main

import "time"

// shellRows: shells and terminals. Their answers are what POSIX and the shells' manuals say.
var shellRows = []worldRow{
	{name: "bash/traps", about: "traps: EXIT, ERR, DEBUG, signals, in subshells and functions", quick: true,
		script: `set +e
trap 'echo exit $?' EXIT
trap 'echo usr1' USR1; kill -USR1 $$; kill -USR1 $BASHPID
( trap 'echo inner' USR1 TERM; kill -USR1 $BASHPID; kill -TERM $BASHPID; echo "after $?" )
trap 'echo err' ERR; false; trap - ERR
f() { trap 'echo return' RETURN; echo in f; }; f
trap '' INT; kill -INT $$; (kill -INT $BASHPID; echo ignored); trap - INT
bash -c 'trap "echo term; exit 5" TERM; kill $$; echo never'; echo $?
bash -c 'kill -KILL $$'; echo $?
exit 9`, want: "usr1\nusr1\ninner\ninner\nafter 0\nerr\nin f\nreturn\nignored\nterm\n5\n137\nexit 9\n", status: 9},
	{name: "bash/here-documents", about: "here-documents, here-strings, process substitution, coproc, redirections",
		script: `x=5; cat <<A; cat <<'B'; cat <<-C
$x $((x*2)) $(echo cmd)
A
$x
B
	tab
	C
cat <<<"here $x"
diff <(seq 5) <(seq 5 | sed s/3/x/) || true
echo to-sub > >(cat | tr a-z A-Z); wait $! ; sleep 0.2
coproc C { while read -r l; do echo "<$l>"; done; }
echo one >&${C[1]}; read -r a <&${C[0]}; echo two >&${C[1]}; read -r b <&${C[0]}; echo $a $b
eval "exec ${C[1]}>&-"; wait $C_PID; echo coproc $?
exec 7<>file; echo data >&7; cat file; exec 7>&-; { echo out; echo err >&2; } 2>&1 | sort; echo hi | tee >(cat >t) >/dev/null; sleep 0.2; cat t
head -c 100000 /dev/zero | tr '\0' a | { cat <<<"$(cat)"; } | wc -c`,
		want: "5 10 cmd\n$x\ntab\nhere 5\n3c3\n< 3\n---\n> x\nTO-SUB\n<one> <two>\ncoproc 0\ndata\nerr\nout\nhi\n100001\n"},
	{name: "bash/wait", about: "background jobs: wait -n, wait -p, wait -f, $!, status of each, 200 of them",
		script: `set +e
(sleep 0.6; exit 3) & (sleep 0.1; exit 4) & a=$!
wait -n; echo $?; wait -n; echo $?; wait -n; echo $?
(exit 17) & p=$!; sleep 0.2; wait $p; echo $?
sleep 10 & k=$!; kill $k; wait $k 2>/dev/null; echo $?
(sleep 0.1; exit 6) & wait -p who -n; echo $? $((who == $!))
for i in {1..200}; do (exit $((i % 100))) & pids[i]=$!; done
s=0; for i in {1..200}; do wait ${pids[i]}; s=$((s + $?)); done; echo $s
seq 3 | while read n; do echo $n & wait; done
wait 999999 2>/dev/null; echo $?`, want: "4\n3\n127\n17\n143\n6 1\n9900\n1\n2\n3\n127\n"},
	{name: "bash/read", about: "read -t, -n, -d, -u, timeouts and partial input; mapfile; select; getopts; printf -v",
		script: `set +e
{ sleep 3; } | { read -t 0.2 x; echo $(($? > 128)); }
printf abcdef | { read -n 3 x; read y; echo $x $y; }; printf 'a;b;' | { read -d ';' x; read -d ';' y; echo $y$x; }
mapfile -t m < <(printf '%s\n' x 'y z'); echo ${#m[@]} "${m[1]}"
read -t 0 <<<x; echo $?; exec 5<<<five; read -u 5 v; echo $v
printf '2\n' | { select c in one two; do echo $c; break; done 2>/dev/null; }
set -- -a -b val rest; while getopts ab: o; do echo $o$OPTARG; done; shift $((OPTIND-1)); echo $1
printf -v q '%(%Y)T %q' 0 "a b"; echo "$q"; echo $EPOCHSECONDS | grep -qE '^[0-9]{10}$'; echo $?`,
		want: "1\nabc def\nba\n2 y z\n0\nfive\ntwo\na\nbval\nrest\n1970 a\\ b\n0\n"},
	{name: "bash/ulimit", about: "limits: files, processes, file size, CPU time, core; umask",
		script: `set +e
ulimit -Sn 20; ulimit -n; exec 30</dev/null || echo refused
bash -c 'ulimit -f 1; head -c 4096 /dev/zero >big' 2>/dev/null; echo $(($? > 128)) $(stat -c %s big)
bash -c 'ulimit -t 1; while :; do :; done' 2>/dev/null; echo $?
ulimit -c 0; ulimit -c; umask 027; touch u; stat -c %a u; ulimit -s`,
		want: "20\nrefused\n1 1024\n137\n0\n640\n8192\n", limit: 5 * time.Minute},
	{name: "bash/monitor", about: "set -m without a terminal: process groups, stop and continue, jobs, fg, disown, kill %n",
		script: `set +e; set -m
sleep 100 & p=$!; [ $(ps -o pgid= -p $p) = $p ] && echo own group
kill -STOP %1; sleep 0.3; jobs | tr -s ' ' | cut -d' ' -f1-2; kill -CONT %1; sleep 0.3; jobs | tr -s ' ' | cut -d' ' -f1-2
kill %1; wait %1 2>/dev/null; echo $?
(sleep 0.2; exit 3) & fg %1 >/dev/null 2>&1; echo $?
sleep 50 & disown; jobs | wc -l; kill $!`,
		want: "own group\n[1]+ Stopped\n[1]+ Running\n143\n3\n0\n"},
	{name: "bash/terminal", about: "job control in a pty: ^Z, jobs, bg, fg, ^C, ^\\, ^D, stty, background reads stop", packages: "expect",
		argv: argv("/usr/bin/expect", "-f", "job.exp"), files: map[string]string{"job.exp": jobControl("/bin/bash --norc --noprofile -i")},
		want: jobControlWant, limit: 5 * time.Minute},
	{name: "dash/terminal", about: "job control in a pty: ^Z, jobs, bg, fg, ^C, ^\\, ^D, stty, background reads stop", packages: "expect",
		argv: argv("/usr/bin/expect", "-f", "job.exp"), files: map[string]string{"job.exp": jobControl("/bin/dash -i")},
		want: jobControlWant, limit: 5 * time.Minute},
	{name: "mksh/terminal", about: "job control in a pty: ^Z, jobs, bg, fg, ^C, ^\\, ^D, stty, background reads stop", packages: "expect mksh",
		argv: argv("/usr/bin/expect", "-f", "job.exp"), files: map[string]string{"job.exp": jobControl("/bin/mksh -i")},
		want: jobControlWant, limit: 5 * time.Minute},
	{name: "zsh/terminal", about: "job control in a pty: ^Z, jobs, bg, fg, ^C, ^\\, ^D, stty, background reads stop", packages: "expect zsh",
		argv: argv("/usr/bin/expect", "-f", "job.exp"), files: map[string]string{"job.exp": jobControl("/bin/zsh -f -i +Z")},
		want: jobControlWant, limit: 5 * time.Minute},
	{name: "dash/posix", about: "pipelines, subshells, traps, wait, here-documents, ulimit, getopts",
		argv: argv("/bin/dash", "-c", `trap 'echo exit $?' EXIT; trap 'echo usr1' USR1; kill -USR1 $$
x=$(printf 'a\nb\n' | while read l; do echo "$l$l"; done | tr '\n' ,); echo $x
(exit 3) & wait $!; echo $?; sleep 9 & kill $!; wait $!; echo $?
cat <<E
$((7 % 4)) $(echo sub)
E
false | true; echo $?; { sh -c 'kill -9 $$'; } 2>/dev/null; echo $?; cd /; sh -c 'pwd; exit 4'; exit $?`),
		want: "usr1\naa,bb,\n3\n143\n3 sub\n0\n137\n/\nexit 4\n", status: 4},
	{name: "zsh", about: "arrays, globs, pipes, multios, zpty, subshells, traps, job table", packages: "zsh",
		argv: argv("/bin/zsh", "-f", "-c", `a=(c a b); print ${(o)a} ${#a} ${(U)a[1]}; print -l /bin/*(N:t) | grep -c '^zsh$'
echo x > one > two; cat one two; TRAPUSR1() { print usr1 }; kill -USR1 $$; zmodload zsh/zpty zsh/datetime zsh/system
zpty p 'stty -echo; cat'; sleep 1; zpty -w p hello; zpty -r p l; print -n ${l//$'\r'/}; zpty -d p
(sleep 0.2; exit 5) & wait $!; print $?; print =(echo tmp)(:h); diff <(print 1) =(print 1) && print same; print ${$(</etc/hostname)}; float f=$((1/3.)); printf '%.5f\n' f; repeat 3 { print -n r }; print`),
		want: "a b c 3 C\n1\nx\nx\nusr1\nhello\n5\n/tmp\nsame\nworld\n0.33333\nrrr\n"},
	{name: "mksh", about: "coprocesses, arrays, traps, pipes, arithmetic", packages: "mksh",
		argv: argv("/bin/mksh", "-c", `set -A a 3 1 2; print ${a[*]} ${#a[*]}; cat |& print -p hi; read -p x; print $x; trap 'print exit' EXIT; trap 'print usr' USR1; kill -USR1 $$
print $((16#ff)) ${|REPLY=val;}; (exit 7) & wait $!; print $?; print a b | { read x y; print $y $x; }; typeset -Z5 n=42; print $n`),
		want: "3 1 2 3\nhi\nusr\n255 val\n7\nb a\n00042\nexit\n"},
	{name: "fish", about: "lists, functions, command substitution, pipes, string, math, background jobs", packages: "fish", slow: true, limit: 4 * time.Minute,
		argv: argv("/usr/bin/fish", "--no-config", "-c", `set l c a b; for i in (printf '%s\n' $l | sort); echo -n "$i "; end; echo; function f; echo got $argv[2]; return 3; end; f x y; echo $status
string replace -r '(\d+)' '<$1>' a12; math "2^10 / 3"; seq 5 | while read n; test $n -gt 3; and echo $n; end; sleep 0.1 &; wait; echo $pipestatus; false | true; echo $pipestatus; bash -c 'kill -TERM $$'; echo $status`),
		want: "a b c \ngot y\n3\na<12>\n341.333333\n4\n5\n0\n1 0\n143\n"},
	{name: "script", about: "util-linux's script: a pty for a command, its size, its exit status",
		script: `script -qec 'stty rows 33 cols 77; stty size; tty; test -t 0 && echo terminal; exit 6' /dev/null </dev/null | tr -d '\r'; echo ${PIPESTATUS[0]}`,
		want:   "33 77\n/dev/pts/0\nterminal\n6\n"},
	{name: "expect", about: "spawn, patterns, interact with bc through a pty, exit status, eof and timeout", packages: "expect bc",
		argv: argv("/usr/bin/expect", "-c", `log_user 0; set timeout 60; spawn /usr/bin/bc -q; send "scale=10; 4*a(1)\n2^100\n"; spawn /usr/bin/bc -lq; send "scale=10; 4*a(1)\r2^64\r"
expect -re {(3\.14[0-9]+)} { puts $expect_out(1,string) }; expect -re {(1844[0-9]+)} { puts $expect_out(1,string) }; send "quit\r"; expect eof { puts eof }; puts [lrange [wait] 2 3]
spawn sleep 20; set timeout 1; expect x {} timeout { puts timeout }; exec kill -9 [exp_pid]; set timeout 30; expect eof; puts [lindex [wait] 5]`),
		want: "3.1415926532\n18446744073709551616\neof\n0 0\ntimeout\nSIGKILL\n"},
	{name: "tmux", about: "a server, panes, windows, send-keys, the screen's text, job control inside, resize, detach and attach", packages: "tmux",
		script: tmuxHelp + `
tmux new-session -d -s s -x 60 -y 15 'bash --norc --noprofile'
send 'PS1=\$\ ; clear; echo $((6*7)) $TERM'; until_screen '42 tmux|42 screen'
send 'sleep 99'; sleep 0.5; tmux send-keys -t s C-z; until_screen 'Stopped *sleep 99'; send 'kill %1; clear; stty size'; until_screen '15 60|14 60'
tmux split-window -t s -h 'echo right; exec cat'; tmux send-keys typed Enter; sleep 0.5; tmux list-panes -F '#{pane_width}x#{pane_height}' | head -1
until_screen typed; tmux new-window -t s -n two 'echo window two; read x'; until_screen 'window two'; tmux list-windows -t s -F '#{window_index} #{window_name}' | tail -1
tmux kill-session -t s; tmux ls 2>/dev/null || echo gone`, want: "30x15\n1 two\ngone\n", limit: 5 * time.Minute},
	{name: "vim", about: "vim.tiny in a terminal: insert, delete, search and replace, undo, filter through sort, write, quit; the screen's text", packages: "tmux vim-tiny",
		script: tmuxHelp + `
printf 'pear\napple\nfig\n' >f
tmux new-session -d -s s -x 60 -y 15 'vim.tiny -u NONE f'; until_screen 'apple'
tmux send-keys 'ihello ' Escape; until_screen 'hello pear'; tmux send-keys ':%s/apple/APPLE/' Enter; until_screen '^APPLE'
tmux send-keys ':3d' Enter u; until_screen '^fig'; tmux send-keys ':%!sort -f' Enter; sleep 1; until_screen '^APPLE'; tmux send-keys ':r !echo $((40+2))' Enter; until_screen '^42'
tmux send-keys ':wq' Enter; until ! tmux has-session -t s 2>/dev/null; do sleep 0.2; done; cat f`,
		want: "APPLE\n42\nfig\nhello pear\n", limit: 5 * time.Minute},
	{name: "less", about: "a pager: a screenful, searching, the end, going back, quitting", packages: "tmux less",
		script: tmuxHelp + `
seq 1 500 >f; tmux new-session -d -s s -x 40 -y 10 'less f; echo left less; read x'; until_screen '^9$'; tmux send-keys Space; until_screen '^18$'
tmux send-keys '/^3.7' Enter; until_screen '^307$'; tmux send-keys G; until_screen '^500$'; tmux send-keys g; until_screen '^1$'; tmux send-keys q; until_screen 'left less'; echo ok`,
		want: "ok\n", limit: 5 * time.Minute},
	{name: "nano", about: "typing, cutting, the status line, saving under a name", packages: "tmux nano",
		script: tmuxHelp + `
tmux new-session -d -s s -x 70 -y 20 'nano -I new.txt'; until_screen 'GNU nano.*new.txt'; tmux send-keys 'first line' Enter 'second' Enter 'third'; until_screen '^third'
tmux send-keys Up Up C-k; sleep 0.5; tmux send-keys C-o; until_screen 'File Name to Write|Write to File'; tmux send-keys Enter; until_screen 'Wrote 2 lines'; tmux send-keys C-x
until ! tmux has-session -t s 2>/dev/null; do sleep 0.2; done; cat new.txt`,
		want: "second\nthird\n", limit: 5 * time.Minute},
	{name: "top", about: "top and watch on a terminal, redrawn when the window changes", packages: "tmux",
		script: tmuxHelp + `
tmux new-session -d -s s -x 80 -y 20 'top -d 1'; until_screen 'PID USER.*COMMAND'; until_screen 'top$'; tmux send-keys q; sleep 0.5
tmux new-session -d -s t -x 80 -y 20 'watch -n 0.3 "wc -c <f"' ; : >f; tmux() { command tmux "$@"; }; until_screen '^0'; printf abcdefg >f; until_screen '^7'; tmux kill-server; echo ok`,
		want: "ok\n", limit: 5 * time.Minute},
}

// tmuxHelp is shell functions: send types a command line, until_screen waits until a line
// of the screen matches.
const tmuxHelp = `export LC_ALL=C.UTF-8 TERM=xterm; trap 'tmux kill-server 2>/dev/null || true' EXIT
send() { tmux send-keys "$1" Enter; }
until_screen() {
	local i
	for i in {1..300}; do
		if tmux capture-pane -p | grep -qE -- "$1"; then return; fi
		sleep 0.2
	done
	echo "the screen never showed $1:"; tmux capture-pane -p; exit 1
}`

// jobControl is an expect script that has a shell stop, continue and interrupt jobs.
func jobControl(shell string) string {
	return `log_user 0; set timeout 90; set env(PS1) {R#> }; set env(TERM) dumb
proc want {pattern what} {
	expect -re $pattern { puts $what } timeout { puts "no $what"; exit 1 } eof { puts "end, no $what"; exit 1 }
}
proc prompt {} { expect -re {R#> $} {} timeout { puts "no prompt"; exit 1 } }
spawn ` + shell + `
prompt; send "set +o emacs 2>/dev/null; unset zle_bracketed_paste; echo a\$((1+1))c\r"; want {a2c} started
prompt; send "sleep 300\r"; sleep 1; send "\032"; want {[Ss](topped|uspended)} stopped
prompt; send "jobs\r"; want {sleep 300} listed
prompt; send "bg >/dev/null; jobs\r"; want {[Rr]unning} background
prompt; send "fg\r"; want {sleep 300} foreground; sleep 1; send "\003"
prompt; send "echo st-\$?\r"; want {st-130} interrupted
prompt; send "cat\r"; send "line\r"; want {line\r\nline} cat; send "\004"
prompt; send "echo st-\$?\r"; want {st-0} "end of file"
prompt; send "sleep 300\r"; sleep 1; send "\034"; want {[Qq]uit} quit
prompt; send "cat &\r"; prompt; send "sleep 1; jobs\r"; want {[Ss](topped|uspended)} "background read"
prompt; send "kill -KILL %1; sleep 1; echo\r"; prompt; send "stty -echo; echo 'no''echo'; stty echo\r"; want {noecho} stty
prompt; send "(sleep 300; echo never) | cat\r"; sleep 1; send "\003"; prompt; send "echo group\$((3*3))\r"; want {group9} "pipeline interrupted"
prompt; send "exit 7\r"; expect eof; puts [lindex [wait] 3]
`
}

const jobControlWant = "started\nstopped\nlisted\nbackground\nforeground\ninterrupted\ncat\nend of file\nquit\nbackground read\nstty\npipeline interrupted\n7\n"
