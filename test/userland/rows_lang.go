package main

import "time"

// worldLanguages are the runtimes of languages: what they ask of a system is threads,
// processes, signals, sockets, large reservations of memory, and code that they write
// themselves. What the scripts print follows from the languages' definitions.
var worldLanguages = []worldRow{
	{name: "node/jit", about: "code made at run time: optimised JavaScript, regular expressions, WebAssembly", packages: "nodejs", slow: true,
		files: map[string]string{"hot.js": `
function f(n) { let s = 0; for (let i = 0; i < n; i++) s = (s * 31 + i) | 0; return s }
class A { constructor(x) { this.x = x } g() { return this.x * 1.5 } }
let t = 0;
for (let i = 0; i < 200000; i++) t += new A(i).g();
const wasm = new Uint8Array([0,97,115,109,1,0,0,0,1,7,1,96,2,127,127,1,127,3,2,1,0,7,7,1,3,97,100,100,0,0,10,9,1,7,0,32,0,32,1,106,11]);
const add = new WebAssembly.Instance(new WebAssembly.Module(wasm)).exports.add;
let z = 0;
for (let k = 0; k < 100000; k++) z = add(z, k);
console.log(f(100000), t, z, /(\d+)x/.exec('ab123x')[1], (2n ** 100n).toString())`},
		script: `a=$(python3 -c 's = 0
for i in range(100000): s = (s * 31 + i) & 0xffffffff
print(s - (s >> 31 << 32))'); node hot.js | sed "s/^$a /same /"`,
		want: "same 29999850000 704982704 123 1267650600228229401496703205376\n"},
	{name: "node/jitless", about: "the interpreter alone", packages: "nodejs", slow: true,
		argv: argv("/usr/bin/node", "--jitless", "-e", `console.log([3, 1, 2].sort().map(x => x ** 2).join(), process.arch)`), want: "1,4,9 riscv64\n"},
	{name: "node/system", about: "child processes, a forked node, worker threads, files, HTTP, signals", packages: "nodejs", slow: true, status: 5,
		files: map[string]string{"child.js": `process.send(6); process.on('message', m => process.exit(m))`, "main.js": `
const cp = require('child_process'), fs = require('fs'), http = require('http'), { Worker } = require('worker_threads');
console.log(cp.execSync('echo hi').toString().trim(), cp.spawnSync('/bin/false').status, cp.spawnSync('/no/such').error.code);
fs.writeFileSync('x', 'abc');
console.log(fs.readFileSync('x', 'utf8'), fs.statSync('x').size);
const w = new Worker('const { parentPort: p, workerData: n } = require("worker_threads"); let s = 0; for (let i = 0; i < n; i++) s += i; p.postMessage(s)', { eval: true, workerData: 100000 });
w.on('message', m => {
  console.log('worker', m);
  const server = http.createServer((q, r) => r.end('got ' + q.url)).listen(0, '127.0.0.1', () => {
    http.get({ port: server.address().port, path: '/p' }, r => {
      r.on('data', d => console.log('' + d));
      r.on('end', () => {
        server.close();
        const c = cp.fork('./child.js');
        c.on('message', m => { console.log('child', m); c.send(7) });
        c.on('exit', code => {
          console.log('exit', code);
          process.on('SIGUSR2', () => { console.log('usr2'); process.exit(5) });
          process.kill(process.pid, 'SIGUSR2');
          setTimeout(() => {}, 10000);
        });
      });
    });
  });
});`},
		argv: argv("/usr/bin/node", "main.js"), want: "hi 1 ENOENT\nabc 3\nworker 4999950000\ngot /p\nchild 6\nexit 7\nusr2\n"},

	{name: "python/start-methods", about: "multiprocessing by fork, spawn and forkserver: queues, pools, shared memory, managers", packages: "python3", limit: 5 * time.Minute,
		files: map[string]string{"mp.py": `
import multiprocessing as mp, os
from multiprocessing import shared_memory
def square(q, n): q.put(n * n)
def work(n): return n * n
def shm(name): s = shared_memory.SharedMemory(name); s.buf[0] = 42; s.close()
def die(): os.kill(os.getpid(), 9)
if __name__ == "__main__":
    for method in "fork", "spawn", "forkserver":
        c = mp.get_context(method)
        q = c.Queue()
        ps = [c.Process(target=square, args=(q, i)) for i in range(3)]
        for p in ps: p.start()
        s = sum(q.get() for p in ps)
        for p in ps: p.join()
        with c.Pool(2) as pool: t = sum(pool.map(work, range(20)))
        m = shared_memory.SharedMemory(create=True, size=64)
        p = c.Process(target=shm, args=(m.name,)); p.start(); p.join()
        b = m.buf[0]; m.close(); m.unlink()
        p = c.Process(target=die); p.start(); p.join()
        with c.Manager() as mg:
            d = mg.dict(); d["k"] = 5; v = d["k"]
        print(method, s, t, b, p.exitcode, v)
`},
		argv: argv("/usr/bin/python3", "mp.py"), want: "fork 5 2470 42 -9 5\nspawn 5 2470 42 -9 5\nforkserver 5 2470 42 -9 5\n"},
	{name: "perl/system", about: "threads and queues, forks with pipes, sockets, statuses, masks, an alarm", packages: "perl", files: map[string]string{"a.pl": `
use strict; use warnings; use threads; use threads::shared; use Thread::Queue; use IO::Socket::INET; use POSIX qw(:signal_h);
$| = 1;
my $n :shared = 0;
my $q = Thread::Queue->new;
my @t = map { my $k = $_; threads->create(sub { while (defined(my $x = $q->dequeue)) { lock $n; $n += $x } $k * $k }) } 1 .. 4;
$q->enqueue(1 .. 200); $q->end; print join(",", map { $_->join } @t), " $n\n";
my %r;
for my $i (1 .. 5) { pipe(my $r, my $w) or die; my $p = fork // die; if (!$p) { close $r; syswrite $w, $i * 10; POSIX::_exit($i) } close $w; $r{$p} = [$i, $r] }
my $s = 0;
while ((my $p = waitpid(-1, 0)) > 0) { my ($i, $r) = @{$r{$p}}; sysread $r, my $b, 10; $s += $b + ($? >> 8) - $i }
print "$s\n";
my $srv = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1') or die;
if (!fork) { my $c = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $srv->sockport); print $c "hello\n"; POSIX::_exit(0) }
my $c = $srv->accept; print uc <$c>; wait;
open my $p, '-|', 'echo piped; exit 3' or die; print <$p>; close $p; print $? >> 8, "\n"; system 'kill -9 $$'; print $? & 127, "\n";
my @got; $SIG{USR1} = sub { push @got, 'usr1' };
my $set = POSIX::SigSet->new(SIGUSR1);
sigprocmask(SIG_BLOCK, $set); kill USR1 => $$; push @got, 'blocked'; sigprocmask(SIG_UNBLOCK, $set); print "@got\n";
eval { local $SIG{ALRM} = sub { die "alarm\n" }; alarm 1; select undef, undef, undef, 10 }; print $@;
no warnings; print exec('/no/such') ? 1 : $!{ENOENT} ? "noent\n" : "$!\n";`},
		argv: argv("/usr/bin/perl", "a.pl"), want: "1,4,9,16 20100\n150\nHELLO\npiped\n3\n9\nblocked usr1\nalarm\nnoent\n"},

	{name: "ruby/threads", about: "fibers, threads, a ractor, Timeout, sockets", packages: "ruby", slow: true, files: map[string]string{"a.rb": `
require 'socket'; require 'timeout'
f = Fiber.new { 3.times { |i| Fiber.yield i }; :done }; p 4.times.map { f.resume }
q = Queue.new
t = 3.times.map { Thread.new { s = 0; while (x = q.pop) != :end; s += x; end; s } }
100.times { |i| q << i }; 3.times { q << :end }; p t.map(&:value).sum
r = Ractor.new { Ractor.receive * 2 }; r.send 21; p r.take
begin; Timeout.timeout(0.1) { sleep }; rescue Timeout::Error; puts "timeout"; end
s = TCPServer.new('127.0.0.1', 0); t = Thread.new { c = s.accept; c.puts c.gets.upcase; c.close }
c = TCPSocket.new('127.0.0.1', s.addr[1]); c.puts "hello"; p c.gets; t.join
20.times { Array.new(2000) { "x" * 50 } }; GC.start; GC.compact if GC.respond_to?(:compact) rescue nil
p (1..20).reduce(:*)`},
		argv: argv("/usr/bin/ruby", "-W0", "a.rb"), want: "[0, 1, 2, :done]\n4950\n42\ntimeout\n\"HELLO\\n\"\n2432902008176640000\n"},
	{name: "ruby/processes", about: "fork, spawn, traps, pipes, exit statuses", packages: "ruby", slow: true, files: map[string]string{"a.rb": `
require 'open3'
r, w = IO.pipe; pid = fork { r.close; w.puts "child"; exit! 9 }; w.close; puts r.read; Process.wait pid; p $?.exitstatus
Process.wait Process.spawn("exit 4"); p $?.exitstatus
begin; Process.spawn("/no/such"); rescue => e; p e.class; end
trap(:USR1) { puts "usr1" }; Process.kill :USR1, $$; sleep 0.05
pid = fork { trap(:TERM, "DEFAULT"); w2 = sleep }; sleep 0.2; Process.kill :TERM, pid; Process.wait pid; p $?.termsig
p Open3.capture2("cat", stdin_data: "data")[0], %x(uname -m).chomp
p 8.times.map { |i| fork { exit i } }.map { |x| Process.wait2(x)[1].exitstatus }.sum`},
		argv: argv("/usr/bin/ruby", "a.rb"), want: "child\n9\n4\nErrno::ENOENT\nusr1\n15\n\"data\"\n\"riscv64\"\n28\n"},

	{name: "php/processes", about: "pcntl, posix, proc_open, fibers", packages: "php-cli", slow: true, files: map[string]string{"a.php": `<?php
$pid = pcntl_fork(); if (!$pid) exit(6);
pcntl_waitpid($pid, $st); echo pcntl_wexitstatus($st), "\n";
pcntl_async_signals(true); pcntl_signal(SIGUSR1, function ($s) { echo "signal $s\n"; }); posix_kill(posix_getpid(), SIGUSR1);
$p = proc_open(['cat'], [['pipe', 'r'], ['pipe', 'w']], $io); fwrite($io[0], "through"); fclose($io[0]);
echo stream_get_contents($io[1]), proc_close($p), "\n", shell_exec('echo $((6*7))');
$f = new Fiber(function () { echo Fiber::suspend(1), "\n"; }); echo $f->start(), "\n"; $f->resume('in');
echo md5("abc"), ' ', preg_replace('/(\d)/', '[$1]', 'a1b2'), ' ', json_encode(['a' => 1.5]), "\n";`},
		argv: argv("/usr/bin/php", "a.php"), want: "6\nsignal 10\nthrough0\n42\n1\nin\n900150983cd24fb0d6963f7d28e17f72 a[1]b[2] {\"a\":1.5}\n"},

	{name: "tcl/system", about: "exec, pipes, threads, sockets, the event loop", packages: "tcl tcl-thread", slow: true, files: map[string]string{"a.tcl": `
puts [exec echo a | tr a b]; puts [expr {2**100}]; catch {exec /no/such} e; puts $e
proc fib n {expr {$n<2 ? $n : [fib [expr {$n-1}]] + [fib [expr {$n-2}]]}}; puts [fib 15]
set f [open "|cat" r+]; puts $f hi; flush $f; puts [gets $f]; close $f
package require Thread; set t [thread::create]; puts [thread::send $t {expr 6*7}]; thread::release $t
set s [socket -server {apply {{c a p} {puts $c [string toupper [gets $c]]; close $c}}} -myaddr 127.0.0.1 0]
set c [socket 127.0.0.1 [lindex [fconfigure $s -sockname] 2]]; fconfigure $c -buffering line; puts $c hello
fileevent $c readable {puts [gets $c]; close $c; set done 1}; vwait done
after 50 {set x 1}; vwait x; puts ok`},
		argv: argv("/usr/bin/tclsh", "a.tcl"), want: "b\n1267650600228229401496703205376\ncouldn't execute \"/no/such\": no such file or directory\n610\nhi\n42\nHELLO\nok\n"},

	{name: "guile/system", about: "code made at run time, threads, pipes, fork, signals", packages: "guile-3.0", slow: true, files: map[string]string{"a.scm": `
(use-modules (ice-9 threads) (ice-9 popen) (ice-9 rdelim))
(define (fib n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2)))))
(define (show x) (display x) (newline))
(show (fib 22))
(let* ((p (open-input-pipe "echo piped")) (l (read-line p))) (close-pipe p) (show l))
(let ((pid (primitive-fork))) (if (zero? pid) (primitive-_exit 5) (show (status:exit-val (cdr (waitpid pid))))))
(show (map join-thread (map (lambda (i) (call-with-new-thread (lambda () (* i i)))) '(1 2 3))))
(sigaction SIGUSR1 (lambda (s) (show "usr1"))) (kill (getpid) SIGUSR1) (usleep 1000)
(show (expt 3 100)) (show (call/cc (lambda (k) (+ 1 (k 42)))))`},
		argv: argv("/usr/bin/guile", "--no-auto-compile", "a.scm"),
		want: "17711\npiped\n5\n(1 4 9)\nusr1\n515377520732011331036461129765621272702107522001\n42\n"},

	{name: "luajit/jit", about: "traces, calls of C functions and callbacks from C", packages: "luajit", files: map[string]string{"a.lua": `
local ffi = require 'ffi'
ffi.cdef 'int getpid(void); double cos(double); typedef int (*cmp)(const int*, const int*); void qsort(void*, size_t, size_t, cmp);'
local a = ffi.new("int[5]", {5, 3, 1, 4, 2})
ffi.C.qsort(a, 5, 4, function(x, y) return x[0] - y[0] end)
local s = 0
for i = 1, 2e6 do s = (s + i) % 1000003 end
print(a[0], a[4], ffi.C.cos(0), s, jit.status())
print(io.popen("echo p"):read("*l"), os.execute("exit 3"))`},
		script: `luajit a.lua | cut -f 1-5`, want: "1\t5\t1\t15\ttrue\np\t768\n"},

	{name: "java/int", about: "the Java interpreter, a class from its source", packages: "openjdk-21-jdk-headless", slow: true, limit: 10 * time.Minute,
		files:  map[string]string{"I.java": `public class I { public static void main(String[] a) { System.out.println(System.getProperty("os.arch") + " " + new java.math.BigInteger("2").pow(100)); } }`},
		script: `javac -J-Xint I.java; java -Xint I`, want: "riscv64 1267650600228229401496703205376\n"},
	{name: "java/system", about: "compilers, threads, virtual threads, ProcessBuilder, collection, faults as exceptions, sockets", packages: "openjdk-21-jdk-headless", slow: true, status: 4, limit: 15 * time.Minute,
		files: map[string]string{"H.java": `
import java.util.concurrent.*; import java.io.*; import java.net.*; import java.util.*;
public class H {
  static int fib(int n) { return n < 2 ? n : fib(n-1) + fib(n-2); }
  static int deep(int n) { return deep(n + 1) + 1; }
  public static void main(String[] a) throws Exception {
    System.out.println(fib(25));
    ExecutorService e = Executors.newFixedThreadPool(4);
    List<Future<Long>> fs = new ArrayList<>();
    for (int i = 0; i < 8; i++) { final int k = i; fs.add(e.submit(() -> { long s = 0; for (int j = 0; j < 20000; j++) s += j * k; return s; })); }
    long t = 0; for (var f : fs) t += f.get();
    e.shutdown(); System.out.println(t);
    Process p = new ProcessBuilder("/bin/sh", "-c", "cat; exit 3").start();
    p.getOutputStream().write("in\n".getBytes()); p.getOutputStream().close();
    System.out.println(new String(p.getInputStream().readAllBytes()).trim() + " " + p.waitFor());
    try { new ProcessBuilder("/no/such").start(); } catch (IOException x) { System.out.println(x.getMessage().contains("error: 2 ")); }
    byte[][] g = new byte[100][]; for (int i = 0; i < 3000; i++) g[i % 100] = new byte[50000];
    System.gc(); System.out.println(g[5].length);
    try { Object o = null; o.hashCode(); } catch (NullPointerException x) { System.out.println("null"); }
    try { deep(0); } catch (StackOverflowError x) { System.out.println("deep"); }
    ServerSocket s = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
    Thread th = new Thread(() -> { try (Socket c = s.accept()) { c.getOutputStream().write("sock".getBytes()); } catch (IOException x) { x.printStackTrace(); } });
    th.start();
    try (Socket c = new Socket(s.getInetAddress(), s.getLocalPort())) { System.out.println(new String(c.getInputStream().readAllBytes())); }
    th.join();
    Thread.ofVirtual().start(() -> System.out.println("virtual")).join();
    Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("hook")));
    System.exit(4);
  }
}`},
		script: `javac H.java; java H`, want: "75025\n5599720000\nin 3\ntrue\n50000\nnull\ndeep\nsock\nvirtual\nhook\n"},

	{name: "erlang/processes", about: "schedulers, messages, ports", packages: "erlang-base", slow: true, status: 3,
		argv: argv("/usr/bin/erl", "-noshell", "-eval", `P = self(), [spawn(fun() -> P ! {ok, I*I} end) || I <- lists:seq(1, 100)],
S = lists:sum([receive {ok, X} -> X end || _ <- lists:seq(1, 100)]), io:format("~p~n~s", [S, os:cmd("echo port")]), halt(3).`), want: "338350\nport\n"},
	{name: "elixir/tasks", packages: "elixir", slow: true,
		argv: argv("/usr/bin/elixir", "-e", `IO.puts(1..50 |> Task.async_stream(fn x -> x * x end) |> Enum.map(fn {:ok, v} -> v end) |> Enum.sum()); {o, s} = System.cmd("sh", ["-c", "echo out; exit 3"]); IO.inspect({o, s})`),
		want: "42925\n{\"out\\n\", 3}\n"},

	{name: "sbcl/native", about: "native code made at run time, conditions, collection, threads, run-program", packages: "sbcl", slow: true, files: map[string]string{"a.lisp": `
(defun fib (n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2)))))
(print (fib 25)) (print (expt 2 100)) (print (handler-case (car (read-from-string "1")) (error () :err)))
(gc :full t) (print (length (loop repeat 100 collect (make-array 10000))))
(print (sb-thread:join-thread (sb-thread:make-thread (lambda () 42))))
(print (sb-ext:process-exit-code (sb-ext:run-program "/bin/sh" '("-c" "exit 4"))))`},
		script: `sbcl --noinform --non-interactive --load a.lisp 2>/dev/null | tail -c +2`, want: "75025 \n1267650600228229401496703205376 \n:ERR \n100 \n42 \n4 "},
	{name: "chicken/csi", packages: "chicken-bin", slow: true,
		argv: argv("/usr/bin/csi", "-e", `(define (fib n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2))))) (print (fib 20)) (import (chicken process)) (print (call-with-input-pipe "echo p" read))`), want: "6765\np\n"},
	{name: "chez/loop", packages: "chezscheme", slow: true, argv: argv("/usr/bin/chezscheme", "-q"),
		stdin: "(let loop ((i 0)) (if (< i 100000) (loop (+ i 1)) (begin (display i) (newline))))\n(display (expt 2 100))\n(exit 3)\n", want: "100000\n1267650600228229401496703205376", status: 3},
	{name: "gauche/gosh", packages: "gauche", slow: true, argv: argv("/usr/bin/gosh", "-e", `(begin (print (expt 2 100)) (exit 3))`), want: "1267650600228229401496703205376\n", status: 3},
	{name: "clisp/bignum", packages: "clisp", slow: true, argv: argv("/usr/bin/clisp", "-q", "-x", `(expt 2 100)`), want: "1267650600228229401496703205376\n"},
	{name: "racket/threads", packages: "racket", slow: true,
		argv: argv("/usr/bin/racket", "-e", `(displayln (for/sum ([i 1000]) i)) (define c (make-channel)) (void (thread (lambda () (channel-put c 7)))) (displayln (channel-get c))`), want: "499500\n7\n"},
	{name: "prolog/threads", packages: "swi-prolog-nox", slow: true,
		argv: argv("/usr/bin/swipl", "-g", `X is 2**100, writeln(X), findall(Y, between(1, 10, Y), L), sum_list(L, S), writeln(S), thread_create(writeln(hi), T), thread_join(T), halt`, "-t", "halt(1)"),
		want: "1267650600228229401496703205376\n55\nhi\n"},
	{name: "r/statistics", about: "linear algebra, a linear model, forked workers", packages: "r-base-core", slow: true,
		argv: argv("/usr/bin/Rscript", "-e", `cat(mean(c(1,2,3)), round(summary(lm(dist~speed,cars))$r.squared,7), solve(matrix(c(2,1,1,3),2)), sum(unlist(parallel::mclapply(1:4,function(i)i*i,mc.cores=2))), system("echo sys",intern=TRUE), "\n")`),
		want: "2 0.6510794 0.6 -0.2 -0.2 0.4 30 sys \n"},
	{name: "pypy/jit", about: "code made at run time and patched without fence.i, subprocess, threads", packages: "pypy3", slow: true,
		argv: argv("/usr/bin/pypy3", "-c", `import subprocess, threading, sys
print(sum(i * i for i in range(300000)), sys.implementation.name)
r = []
ts = [threading.Thread(target=lambda n: r.append(sum(range(n))), args=(n,)) for n in (10, 100, 1000)]
[t.start() for t in ts]; [t.join() for t in ts]
print(sum(r), subprocess.check_output(["echo", "x"]))`), want: "8999955000050000 pypy\n504495 b'x\\n'\n"},
}
