package main

import "time"

// worldCompilers compile a program inside the world and run it.
var worldCompilers = []worldRow{
	{name: "golang/build", about: "Debian's Go toolchain builds, runs and tests a program", packages: "golang-go", slow: true, limit: 40 * time.Minute,
		files: map[string]string{"go.mod": "module x\n\ngo 1.24\n", "main.go": `package main

import (
	"fmt"
	"runtime"
	"sync"
)

func Sum(n int) (s int) {
	for i := range n {
		s += i
	}
	return s
}

func main() {
	var wg sync.WaitGroup
	c := make(chan int, 50)
	for i := range 50 {
		wg.Add(1)
		go func() { defer wg.Done(); c <- Sum(i) }()
	}
	wg.Wait()
	close(c)
	s := 0
	for n := range c {
		s += n
	}
	fmt.Println(s, runtime.GOARCH)
}
`, "main_test.go": `package main

import "testing"

func TestSum(t *testing.T) {
	if n := Sum(10); n != 45 {
		t.Fatal(n)
	}
}
`},
		script: `go build -o x . && ./x; go test -vet=off . | cut -f 1,2`, want: "19600 riscv64\nok  \tx\n"},
	{name: "rust/rustc", about: "threads, channels, Command, unwinding", packages: "rustc", slow: true, limit: 10 * time.Minute,
		files: map[string]string{"a.rs": `
use std::{process::Command, sync::mpsc, thread};
fn main() {
    let (tx, rx) = mpsc::channel();
    let h: Vec<_> = (0..4).map(|i| { let tx = tx.clone(); thread::spawn(move || tx.send(i * i).unwrap()) }).collect();
    for t in h { t.join().unwrap(); }
    drop(tx);
    println!("{}", rx.iter().sum::<i32>());
    print!("{}", String::from_utf8_lossy(&Command::new("echo").arg("rs").output().unwrap().stdout));
    println!("{:?}", Command::new("/no/such").status().map_err(|e| e.kind()));
    println!("{}", std::panic::catch_unwind(|| { panic!("x") }).is_err());
}`},
		script: `rustc -O a.rs; ./a 2>/dev/null`, want: "14\nrs\nErr(NotFound)\ntrue\n"},
	{name: "rust/cargo", about: "cargo builds a package, runs and tests it", packages: "cargo", slow: true, limit: 15 * time.Minute,
		script: `cargo -q init --vcs none --name hello . && echo 'fn main() { println!("{}", (1..=20u64).product::<u64>()); } #[test] fn t() { assert_eq!(6 * 7, 42); }' >src/main.rs && cargo -q run --offline && cargo -q test --offline | grep -o '1 passed'`,
		want:   "2432902008176640000\n1 passed\n"},
	{name: "ocaml/native", about: "native code: fork, domains, stack overflow, compaction", packages: "ocaml", slow: true, limit: 5 * time.Minute, files: map[string]string{"o.ml": ocamlProgram},
		script: `ocamlopt -I +unix unix.cmxa o.ml -o o && ./o`, want: "46368\n3\n6765\nhd\ndeep\n"},
	{name: "ocaml/bytecode", about: "the same as bytecode", packages: "ocaml", slow: true, limit: 5 * time.Minute, files: map[string]string{"o.ml": ocamlProgram},
		script: `ocamlc -I +unix unix.cma o.ml -o o && ./o`, want: "46368\n3\n6765\nhd\ndeep\n"},
	{name: "gcc/fortran", packages: "gfortran", slow: true, files: map[string]string{"f.f90": `program f
  implicit none
  integer :: i
  real(8) :: s
  s = 0
  do i = 1, 1000
    s = s + 1d0/i**2
  end do
  print '(f10.6)', s
end program
`}, script: `gfortran -O2 f.f90 -o f && ./f`, want: "  1.643935\n"},
	{name: "gcc/ada", about: "tasks, a rendezvous, a constraint error", packages: "gnat", slow: true, limit: 5 * time.Minute, files: map[string]string{"d.adb": `with Ada.Text_IO; use Ada.Text_IO;
procedure D is
   task type W is
      entry Start (N : Integer);
   end W;
   task body W is
      M : Integer;
   begin
      accept Start (N : Integer) do
         M := N;
      end Start;
      Put_Line (Integer'Image (M * M));
   end W;
   X : Integer := 0;
begin
   declare
      A : W;
   begin
      A.Start (7);
   end;
   X := 10 / X;
exception
   when Constraint_Error => Put_Line ("caught");
end D;
`}, script: `gnatmake -q d.adb && ./d`, want: " 49\ncaught\n"},
	{name: "d/ldc", about: "parallel loops, threads, a collector", packages: "ldc gcc", slow: true, limit: 10 * time.Minute, files: map[string]string{"m.d": `
import std.stdio, core.thread, std.parallelism, std.process;
void main() {
	int[100] a;
	foreach (i, ref x; parallel(a[])) x = cast(int) i;
	int s;
	foreach (x; a) s += x;
	writeln(s);
	write(executeShell("echo d").output);
	auto t = new Thread({ writeln("thread"); });
	t.start();
	t.join();
}`}, script: `ldc2 m.d -of=m && ./m`, want: "4950\nd\nthread\n"},
	{name: "haskell/ghc", about: "native code, green threads, the collector", packages: "ghc", slow: true, limit: 30 * time.Minute, files: map[string]string{"h.hs": `
import Control.Concurrent
import qualified Data.Map as M
main = do
  v <- newEmptyMVar
  _ <- forkIO (putMVar v (sum [1 .. 10000 :: Integer]))
  takeMVar v >>= print
  print (M.toList (M.fromListWith (+) [(x ` + "`mod`" + ` 3, x) | x <- [1 .. 100 :: Int]]))
`}, script: `ghc -v0 h.hs -o h && ./h`, want: "50005000\n[(0,1683),(1,1717),(2,1650)]\n"},
}

const ocamlProgram = `
let rec fib n = if n < 2 then n else fib (n-1) + fib (n-2)
let rec deep n = 1 + deep (n+1)
let () =
  Printf.printf "%d\n%!" (fib 24);
  (match Unix.fork () with
   | 0 -> exit 3
   | p -> match snd (Unix.waitpid [] p) with Unix.WEXITED n -> Printf.printf "%d\n" n | _ -> ());
  Printf.printf "%d\n" (Domain.join (Domain.spawn (fun () -> fib 20)));
  (try ignore (List.hd []) with Failure m -> print_endline m);
  Gc.compact ();
  (try ignore (deep 0) with Stack_overflow -> print_endline "deep")
`
