package main

// worldViews are the programs that look at processes: they find guest programs, not the
// emulator.
var worldViews = []worldRow{
	{name: "procps/ps", quick: true, about: "ps, pgrep, pidof, pwdx: names, arguments, threads, program",
		script: `sleep 301 & p=$!
bash -c 'exec -a "a name" sleep 302' & q=$!
sleep 1
ps -o comm=,nlwp=,s=,args= -p $p -p $q | tr -s ' '
ps -o ppid= -p $p | grep -cw $$
pgrep -x sleep -a | cut -d' ' -f2-
pgrep -f 'sleep 301' | grep -cx $p
pidof sleep | wc -w
readlink /proc/$p/exe /proc/$q/exe; pwdx $p | cut -d' ' -f2
tr '\0' '|' </proc/$q/cmdline; echo
ps -e -o comm= | grep -c hospes || true
ps -L -o lwp= -p $p | wc -l
kill $p $q`,
		want: "sleep 1 S sleep 301\nsleep 1 S a name 302\n1\nsleep 301\na name 302\n1\n2\n/usr/bin/sleep\n/usr/bin/sleep\n/work\na name|302|\n0\n1\n"},
	{name: "procps/top", about: "top, pmap, vmstat, free, uptime, w",
		script: `sleep 303 & p=$!; sleep 0.5
TERM=dumb top -bn1 -p $p | awk '$1 == '$p' { print $NF }'
pmap $p | awk '/stack/ { print $3, "stack" } / r-x-- sleep/ { print "text" } /total/ { split($2, k, "K"); print k[1] < 20000 }'
pmap -x $p | grep -c libc.so.6
vmstat | wc -l; free | awk '/Mem/ { print ($2 > 0) }'; uptime | grep -c load; w -h | wc -l
kill $p`,
		want: "sleep\ntext\nrw--- stack\n1\n3\n3\n1\n1\n0\n"},
	{name: "psmisc", about: "pstree, fuser, killall", packages: "psmisc",
		script: `cp /bin/sleep mysleep; ./mysleep 304 & p=$!; sleep 305 >out & q=$!; sleep 0.5
pstree -a $p; pstree $$ | grep -o 'mysleep\|sleep' | sort
fuser mysleep 2>&1 | tr -s ' ' | sed "s/ $p"'e/ P/'; fuser out 2>/dev/null | grep -cw $q
killall mysleep; wait $p || echo $?; killall -q mysleep || echo none; kill $q`,
		want: "mysleep 304\nmysleep\nsleep\n/work/mysleep: P\n1\n143\nnone\n"},
	{name: "lsof", about: "open files of a process: none of the emulator's", packages: "lsof",
		script: `sleep 306 >out 7<words.txt & p=$!; sleep 0.5
lsof -a -p $p -Ffn | paste -sd' ' | grep -oE '(fcwd|frtd|ftxt|f1|f7) n[^ ]*'
lsof -a -p $p | grep -cE 'eventpoll|eventfd|hospes' || true
kill $p`,
		want: "fcwd n/work\nfrtd n/\nftxt n/usr/bin/sleep\nf1 n/work/out\nf7 n/work/words.txt\n0\n"},
}
