package main

// programs is the table. Rows without "host" have their answer from outside: known
// mathematics, published test vectors, the languages' own definitions.
var programs = []program{
	// Shells.
	{name: "dash", quick: true, argv: argv("/bin/dash", "-c", `i=0; s=0; while [ $i -lt 1000 ]; do i=$((i+1)); s=$((s+i*i)); done; echo $s; exit 7`),
		want: "333833500\n", status: 7},
	{name: "dash/subshells", argv: argv("/bin/dash", "-c", `n=0; for i in 1 2 3 4 5 6 7 8 9 10; do x=$(echo $i | { read y; echo $((y*2)); }); n=$((n+x)); done; echo $n`),
		want: "110\n"},
	{name: "dash/trap", argv: argv("/bin/dash", "-c", `trap 'echo caught' USR1; kill -USR1 $$; (sleep 0 & wait $!); kill -TERM $$`),
		want: "caught\n", status: -1, execs: true},
	{name: "bash", quick: true, argv: argv("/bin/bash", "-c", `declare -A m; for w in b a c a b a; do ((m[$w]++)); done; for k in a b c; do printf '%s=%d ' $k ${m[$k]}; done; [[ x1y2 =~ ([0-9])y ]] && echo ${BASH_REMATCH[1]} ${PIPESTATUS[0]}`),
		want: "a=3 b=2 c=1 1 0\n"},
	{name: "bash/pipeline", argv: argv("/bin/bash", "-c", `sort -n words.txt | awk '{s+=$2%97} END {print s}'; cat <(echo one) <(echo two) | tr a-z A-Z; seq 1 100 | xargs -n 10 echo | wc -l`),
		host: true, execs: true},
	{name: "bash/jobs", argv: argv("/bin/bash", "-c", `for i in 1 2 3 4 5; do (exit $i) & p[$i]=$!; done; for i in 5 4 3 2 1; do wait ${p[$i]}; echo -n "$? "; done; echo`),
		want: "5 4 3 2 1 \n"},

	// Busybox, statically linked.
	{name: "busybox/sh", argv: argv("/bin/busybox", "sh", "-c", `f() { [ $1 -le 1 ] && echo 1 || echo $(( $1 * $(f $(($1-1))) )); }; f 12`),
		want: "479001600\n"},
	{name: "busybox/awk", argv: argv("/bin/busybox", "awk", `BEGIN { for (i = 1; i <= 20000; i++) { s += i; t[i % 7] += i } printf "%d %d %.6f\n", s, t[3], 99 / 7 }`),
		want: "200010000 28567143 14.142857\n"},
	{name: "busybox/sed", argv: argv("/bin/busybox", "sed", "-n", `2{s/b\(.\)/[\1]/gp;q}`), stdin: "abc\nbxbybz\n", want: "[x][y][z]\n"},
	{name: "busybox/sha256sum", quick: true, argv: argv("/bin/busybox", "sha256sum"), stdin: "abc",
		want: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  -\n"},
	{name: "busybox/sort", argv: argv("/bin/busybox", "sort", "-n", "-k1,1"), stdin: "10 x\n9 y\n100 z\n", want: "9 y\n10 x\n100 z\n"},
	{name: "busybox/tar", argv: argv("/bin/busybox", "sh", "-c", `busybox tar czf a.tgz words.txt && mkdir x && busybox tar xzf a.tgz -C x && busybox cmp words.txt x/words.txt && echo same`),
		want: "same\n", execs: true},
	{name: "busybox/gzip", argv: argv("/bin/busybox", "sh", "-c", `busybox gzip -c words.txt | busybox gunzip | busybox cmp - words.txt && echo same`),
		want: "same\n", execs: true},

	// Coreutils and friends.
	{name: "coreutils/sort", argv: argv("/usr/bin/sort", "-k3,3", "-k1,1n", "words.txt"), host: true},
	{name: "coreutils/sha512sum", argv: argv("/usr/bin/sha512sum"), stdin: "abc",
		want: "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f  -\n"},
	{name: "coreutils/md5sum", argv: argv("/usr/bin/md5sum"), stdin: "message digest", want: "f96b697d7cb7938d525a2f31aaf161d0  -\n"},
	{name: "coreutils/factor", quick: true, argv: argv("/usr/bin/factor", "18446744073709551615", "1000000007"),
		want: "18446744073709551615: 3 5 17 257 641 65537 6700417\n1000000007: 1000000007\n"},
	{name: "coreutils/wc", argv: argv("/usr/bin/wc", "words.txt", "empty.txt"), host: true},
	{name: "coreutils/ls", argv: argv("/bin/ls", "-1"), want: "empty.txt\nwords.txt\n"},
	{name: "coreutils/stat", argv: argv("/usr/bin/stat", "-c", "%s %F %a", "words.txt"), host: true},
	{name: "coreutils/cp", argv: argv("/bin/cp", "-v", "words.txt", "copy.txt"), want: "'words.txt' -> 'copy.txt'\n"},
	{name: "coreutils/false", argv: argv("/bin/false"), status: 1},
	{name: "coreutils/env", argv: argv("/usr/bin/env", "-i", "A=b", "/usr/bin/env"), want: "A=b\n", execs: true},
	{name: "coreutils/date", argv: argv("/bin/date", "-d", "@1000000000", "+%F %T %a"), want: "2001-09-09 01:46:40 Sun\n"},
	{name: "coreutils/printf", argv: argv("/usr/bin/printf", "%.10f %e %x\\n", "3.14159265358979", "12345.678", "3735928559"), host: true},
	{name: "coreutils/seq", argv: argv("/usr/bin/seq", "-s,", "0.1", "0.1", "1"), host: true},
	{name: "coreutils/timeout", argv: argv("/usr/bin/timeout", "0.3", "/bin/sleep", "60"), status: 124, execs: true},
	{name: "grep", argv: argv("/bin/grep", "-cE", "^[0-9]*7 .*w0[0-9a-f]5$", "words.txt"), host: true},
	{name: "sed", argv: argv("/bin/sed", "-E", `s/([0-9]+) ([0-9]+)/\2-\1/; /w1/d; 100q`, "words.txt"), host: true},
	{name: "mawk", argv: argv("/usr/bin/mawk", `{ n[$3] += $2 } END { for (i = 0; i < 511; i++) { k = sprintf("w%03x", i); if (k in n) print k, n[k] } }`, "words.txt"), host: true},
	{name: "gawk", argv: argv("/usr/bin/gawk", `BEGIN { PROCINFO["sorted_in"] = "@ind_num_asc"; for (i = 1; i < 2000; i++) a[i % 13] += i; for (k in a) printf "%s:%d ", k, a[k]; print strtonum("0xff"), toupper("abc") }`),
		want: "0:153153 1:153307 2:153461 3:153615 4:153769 5:153923 6:154077 7:154231 8:154385 9:154539 10:154693 11:152847 12:153000 255 ABC\n"},
	{name: "tar", argv: argv("/bin/tar", "-cf", "-", "--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "words.txt"), host: true},
	{name: "gzip", argv: argv("/bin/gzip", "-nc9", "words.txt"), host: true},
	{name: "find", argv: argv("/usr/bin/find", ".", "-name", "*.txt", "-size", "+1k", "-printf", "%f\\n"), want: "words.txt\n"},
	{name: "diff", argv: argv("/usr/bin/diff", "words.txt", "empty.txt", "-q"), want: "Files words.txt and empty.txt differ\n", status: 1},
	{name: "file", argv: argv("/usr/bin/file", "-b", "words.txt"), want: "ASCII text\n"},

	// Languages.
	{name: "perl", quick: true, argv: argv("/usr/bin/perl", "-e", `my %h; $h{$_ % 17} .= chr(65 + $_ % 26) for 1..500; print join(",", map { "$_:" . length $h{$_} } sort { $a <=> $b } keys %h), "\n"; printf "%.15g %s\n", exp(1), join "", sort { $b cmp $a } "hospes" =~ /./g`),
		want: "0:29,1:30,2:30,3:30,4:30,5:30,6:30,7:30,8:29,9:29,10:29,11:29,12:29,13:29,14:29,15:29,16:29\n2.71828182845905 sspohe\n"},
	{name: "perl/fork", argv: argv("/usr/bin/perl", "-e", `for my $i (1..20) { my $p = fork // die "fork: $!"; if (!$p) { exit $i } waitpid $p, 0; $s += $? >> 8 } print "$s\n"; $SIG{ALRM} = sub { print "alarm\n"; exit 3 }; alarm 1; select undef, undef, undef, 10`),
		want: "210\nalarm\n", status: 3},
	{name: "lua", quick: true, argv: argv("/usr/bin/lua5.4", "-e", `local t = {} for i = 1, 20000 do t[i] = (i * 7919) % 20011 end table.sort(t) local co = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end) print(t[1], t[20000], co(), co(), math.maxinteger // 3, 7.0 / 2, ("x"):rep(3, "-"))`),
		want: "1\t20010\t1\t2\t3074457345618258602\t3.5\tx-x-x\n"},
	{name: "sqlite3", quick: true, argv: argv("/usr/bin/sqlite3", "test.db"),
		stdin: "create table t(a integer primary key, b text); with recursive n(i) as (select 1 union all select i+1 from n where i < 3000) insert into t select i, hex(i*i) from n; create index x on t(b); select count(*), sum(a), max(b) from t; select a from t where b = '313030'; pragma integrity_check;",
		want:  "3000|4501500|3939383536\n10\nok\n"},
	{name: "jq", quick: true, argv: argv("/usr/bin/jq", "-c", `.a | map(select(. > 1) | . * 2) , (. | add), ("x" | test("[a-z]"))`), stdin: `{"a":[1,2,3.5]}`,
		want: "[4,7]\n6.5\ntrue\n"},
	{name: "python", quick: true, argv: argv("/usr/bin/python3", "-c", `import json, re, math; print(json.dumps({"a": [1, 2.5, None], "b": 2**100}), re.sub(r"(\d+)", lambda m: str(int(m[1]) + 1), "a1b99"), math.factorial(25), sum(range(10**5)))`),
		want: "{\"a\": [1, 2.5, null], \"b\": 1267650600228229401496703205376} a2b100 15511210043330985984000000 4999950000\n"},
	{name: "python/threads", argv: argv("/usr/bin/python3", "-c", `
import threading, queue
q, r, lock = queue.Queue(), [], threading.Lock()
def work():
    while (n := q.get()) is not None:
        with lock: r.append(n * n)
ts = [threading.Thread(target=work) for _ in range(4)]
[t.start() for t in ts]
[q.put(i) for i in range(1000)]
[q.put(None) for _ in ts]
[t.join() for t in ts]
print(sum(r))`), want: "332833500\n"},
	{name: "python/ssl", argv: argv("/usr/bin/python3", "-c", `import ssl, hashlib; c = ssl.create_default_context(); print(c.verify_mode.name, hashlib.sha3_256(b"").hexdigest())`),
		want: "CERT_REQUIRED a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a\n"},
	{name: "python/subprocess", argv: argv("/usr/bin/python3", "-c", `import subprocess; print(subprocess.run(["/bin/echo", "hi"], capture_output=True).stdout, subprocess.call(["/bin/false"]), subprocess.check_output("echo $((6*7))", shell=True))
try: subprocess.run(["/no/such"])
except FileNotFoundError as e: print(e.errno)`), want: "b'hi\\n' 1 b'42\\n'\n2\n", execs: true},
	{name: "python/multiprocessing", argv: argv("/usr/bin/python3", "-c", `
import multiprocessing as mp, os
def f(n): return n * n
if __name__ == "__main__":
    mp.set_start_method("fork")
    with mp.Pool(3) as p: print(sum(p.map(f, range(100))))`), want: "328350\n"},
	{name: "python/asyncio", argv: argv("/usr/bin/python3", "-c", `
import asyncio
async def handle(r, w):
    w.write((await r.readline()).upper()); await w.drain(); w.close()
async def main():
    s = await asyncio.start_server(handle, "127.0.0.1", 0)
    r, w = await asyncio.open_connection(*s.sockets[0].getsockname())
    w.write(b"hello\n"); print(await r.read()); s.close()
asyncio.run(main())`), want: "b'HELLO\\n'\n"},
	{name: "python/signals", argv: argv("/usr/bin/python3", "-c", `
import signal, os, time
got = []
signal.signal(signal.SIGUSR1, lambda s, f: got.append(s))
signal.setitimer(signal.ITIMER_REAL, 0.05); signal.signal(signal.SIGALRM, lambda s, f: got.append(s))
os.kill(os.getpid(), signal.SIGUSR1); signal.pause() if len(got) < 2 else 0
print(got)`), want: "[10, 14]\n"},

	// Cryptography and compression.
	{name: "openssl/sha256", argv: argv("/usr/bin/openssl", "dgst", "-sha256", "-r"), stdin: "abc",
		want: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad *stdin\n"},
	{name: "openssl/aes", argv: argv("/usr/bin/openssl", "enc", "-aes-128-ecb", "-nopad", "-K", "000102030405060708090a0b0c0d0e0f"),
		stdin: "\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff", // FIPS 197, appendix C.1
		want:  "\x69\xc4\xe0\xd8\x6a\x7b\x04\x30\xd8\xcd\xb7\x80\x70\xb4\xc5\x5a"},
	{name: "openssl/prime", argv: argv("/usr/bin/openssl", "prime", "170141183460469231731687303715884105727"),
		want: "7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF (170141183460469231731687303715884105727) is prime\n"},
	{name: "zstd", argv: argv("/usr/bin/zstd", "-dcq"), stdin: "\x28\xb5\x2f\xfd\x00\x58\x29\x00\x00hello", want: "hello"},
}

func argv(words ...string) []string { return words }
