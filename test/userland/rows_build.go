package main

import "time"

// buildRows: compilers and the tools around them, whose output is run.
var buildRows = []worldRow{
	{name: "gcc", about: "compile, link and run C: static and dynamic, with optimisation, a shared library, dlopen, gcov", packages: "gcc libc6-dev", limit: 6 * time.Minute,
		files: map[string]string{
			"sum.c":  "int sum(const int *p, int n) { int s = 0; for (int i = 0; i < n; i++) s += p[i] * p[i]; return s; }\n",
			"main.c": "#include <dlfcn.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <math.h>\nint sum(const int *, int);\nint main(int argc, char **argv) {\n\tint a[100];\n\tfor (int i = 0; i < 100; i++) a[i] = i;\n\tint (*f)(const int *, int) = sum;\n\tif (argc > 1) f = dlsym(dlopen(argv[1], RTLD_NOW), \"sum\");\n\tprintf(\"%d %.6f\\n\", f(a, 100), sqrt(argc + 1));\n\treturn 0;\n}\n",
		},
		script: `gcc -O2 -Wall -Werror -o main main.c sum.c -lm && ./main
gcc -O3 -static -o static main.c sum.c -lm 2>/dev/null && ./static
gcc -O1 -fPIC -shared -o libsum.so sum.c && gcc -o dyn main.c -L. -lsum -lm -Wl,-rpath,. && ./dyn ./libsum.so
gcc -O2 -flto -o lto main.c sum.c -lm && ./lto; gcc --coverage -o cov main.c sum.c -lm && ./cov && gcov -n cov-sum.gcda | grep -m1 Lines
echo 'int main(void) { return x; }' | gcc -xc - -o none 2>&1 | grep -c 'undeclared (first'; [ ! -e none ]
gcc -S -O2 -o - sum.c | grep -cE '^sum:'; echo 'main:li a0,7
ret' | sed 1i.globl\ main >a.s; gcc -o a a.s; ./a || echo $?`,
		want: "328350 1.414214\n328350 1.414214\n328350 1.732051\n328350 1.414214\n328350 1.414214\nLines executed:100.00% of 1\n1\n1\n7\n"},
	{name: "g++", about: "compile and run C++: exceptions through frames, threads, iostream, containers, a precompiled template", packages: "g++ libc6-dev", slow: true, limit: 6 * time.Minute,
		files: map[string]string{"a.cc": `#include <algorithm>
#include <atomic>
#include <future>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>
struct Guard { ~Guard() { std::cout << "unwound "; } };
static int deep(int n) { Guard g; if (n == 0) throw std::runtime_error("deep"); return deep(n - 1) + 1; }
int main() {
	try { deep(3); } catch (const std::exception &e) { std::cout << e.what() << std::endl; }
	std::atomic<long> sum{0};
	std::vector<std::thread> ts;
	for (int i = 0; i < 4; i++) ts.emplace_back([&, i] { for (int k = 0; k < 1000; k++) sum += i * k; });
	for (auto &t : ts) t.join();
	auto f = std::async(std::launch::async, []() -> int { throw std::out_of_range("far"); });
	try { f.get(); } catch (const std::out_of_range &e) { std::cout << sum << " " << e.what() << "\n"; }
	std::map<std::string, int> m{{"b", 2}, {"a", 1}};
	for (auto &[k, v] : m) std::cout << k << v << ' ';
	std::cout << std::hex << 255 << std::endl;
	try { std::string().at(1); } catch (...) { std::cout << "caught\n"; }
}
`},
		script: `g++ -std=c++20 -O1 -pthread -o a a.cc && ./a`,
		want:   "unwound unwound unwound unwound deep\n2997000 far\na1 b2 ff\ncaught\n"},
	{name: "binutils", about: "as, ld, ar, nm, objdump, objcopy, strip, readelf, addr2line, size", packages: "gcc libc6-dev binutils",
		files: map[string]string{"f.c": "int seven(void) { return 7; }\n", "m.c": "int seven(void);\nint main(void) { return seven(); }\n"},
		script: `gcc -g -c f.c m.c; ar rcs libf.a f.o; nm libf.a | grep -c ' T seven'; gcc -o m m.o libf.a; ./m || echo $?
addr2line -e m -f $(nm m | awk '$3 == "seven" { print $1 }') | head -1; objdump -d f.o | grep -c 'li.*a5,7'; readelf -h m | grep -c RISC-V
strip -o s m; ./s || echo $?; nm s 2>&1 | grep -c 'no symbols'; objcopy -O binary -j .text f.o t.bin; [ -s t.bin ] && size f.o | awk 'NR == 2 { print ($1 > 0) }'`,
		want: "1\n7\nseven\n1\n1\n7\n1\n1\n"},
	{name: "make", about: "make -j2 with a jobserver into submakes, pattern rules, includes, errors, interrupted targets are deleted", packages: "make gcc libc6-dev", limit: 5 * time.Minute,
		files: map[string]string{
			"Makefile":     "N := $(shell seq 1 40)\nall: prog sub\n\t./prog; echo; cat sub/sum\nprog: $(N:%=f%.o) main.o\n\tgcc -o $@ $^\nf%.o: f%.c\n\tgcc -c -o $@ $<\nf%.c:\n\t@echo 'int f$*(void) { return $*; }' >$@\nmain.c: Makefile\n\t@{ for n in $(N); do echo \"int f$$n(void);\"; done; echo '#include <stdio.h>'; echo 'int main(void) { int s = 0;'; for n in $(N); do echo \"s += f$$n();\"; done; echo 'printf(\"%d\", s); return 0; }'; } >$@\nsub:\n\t$(MAKE) -C sub\nbad:\n\t@echo x >$@; exit 3\n.DELETE_ON_ERROR:\n.PHONY: all sub\n",
			"sub/Makefile": "P := $(shell seq 1 30)\nsum: $(P:%=%.n)\n\tcat $^ | awk '{ s += $$1 } END { print s }' >$@\n%.n:\n\t@sleep 0.01; echo $* >$@\n",
		},
		script: `make -s -j2 | grep -v Entering; make -q prog && echo up to date; touch f3.c; make -n prog | wc -l; make -s bad 2>/dev/null || echo $? $(ls bad 2>/dev/null); make -s -j8 -C sub -B && cat sub/sum`,
		want:   "820\n465\nup to date\n2\n2\n465\n"},
	{name: "cmake", about: "cmake with ninja: detect the compiler, configure, build, ctest, install", packages: "cmake ninja-build gcc g++ libc6-dev", limit: 10 * time.Minute, slow: true,
		files: map[string]string{
			"CMakeLists.txt": "cmake_minimum_required(VERSION 3.20)\nproject(p C)\ninclude(CheckFunctionExists)\ncheck_function_exists(strlcpy HAVE_STRLCPY)\ncheck_function_exists(no_such_thing HAVE_NONE)\nfind_package(Threads REQUIRED)\nadd_library(l STATIC l.c)\nadd_executable(e e.c)\ntarget_link_libraries(e l Threads::Threads)\nenable_testing()\nadd_test(NAME one COMMAND e 1)\nadd_test(NAME two COMMAND e 2)\nset_tests_properties(two PROPERTIES WILL_FAIL TRUE)\ninstall(TARGETS e)\nmessage(STATUS \"have ${HAVE_STRLCPY} ${HAVE_NONE} ${CMAKE_SYSTEM_PROCESSOR}\")\n",
			"l.c":            "int l(int n) { return n - 1; }\n",
			"e.c":            "#include <stdlib.h>\nint l(int);\nint main(int c, char **v) { return c > 1 ? l(atoi(v[1])) : 9; }\n",
		},
		script: `cmake -G Ninja -S . -B b | grep -oE '^-- have .*'; ninja -C b >/dev/null; (cd b; ctest -j2 | grep 'tests passed'); cmake --install b --prefix /tmp/i >/dev/null; /tmp/i/bin/e || echo $?`,
		want:   "-- have 1  riscv64\n100% tests passed, 0 tests failed out of 2\n9\n"},
	{name: "bison", about: "a calculator from bison and flex, m4, pkg-config", packages: "bison flex m4 pkgconf gcc libc6-dev", limit: 5 * time.Minute,
		files: map[string]string{
			"c.y":  "%{\n#include <stdio.h>\nint yylex(void);\nvoid yyerror(const char *s) { printf(\"%s\\n\", s); }\n%}\n%token N\n%left '+' '-'\n%left '*' '/'\n%%\nlines: | lines e '\\n' { printf(\"%d\\n\", $2); } | lines error '\\n' { yyerrok; };\ne: N | e '+' e { $$ = $1 + $3; } | e '-' e { $$ = $1 - $3; } | e '*' e { $$ = $1 * $3; } | '(' e ')' { $$ = $2; };\n%%\nint main(void) { return yyparse(); }\n",
			"c.l":  "%{\n#include <stdlib.h>\n#include \"c.tab.h\"\n%}\n%option noyywrap nounput noinput\n%%\n[0-9]+ { yylval = atoi(yytext); return N; }\n[ ] ;\n.|\\n { return *yytext; }\n",
			"x.pc": "prefix=/opt/x\nName: x\nDescription: x\nVersion: 1.2.3\nCflags: -I${prefix}/include\nLibs: -L${prefix}/lib -lx\n",
		},
		script: `bison -d c.y; flex c.l; gcc -o c c.tab.c lex.yy.c; printf '1+2*3\n(1+2)*3\n1+\n8-3-2\n' | ./c
echo 'define(f, $1-$1)f(f(a))' | m4; echo "eval(2**20) len(abcd) regexp(hello, l+)" | m4; PKG_CONFIG_PATH=. pkg-config --cflags --libs x | sed 's/ *$//'; PKG_CONFIG_PATH=. pkg-config --atleast-version=2 x || echo old`,
		want: "7\n9\nsyntax error\n3\na-a-a-a\n1048576 4 2\n-I/opt/x/include -L/opt/x/lib -lx\nold\n"},
	{name: "git/local", about: "init, add, commit, branch, merge with conflict, rebase, stash, log, blame, gc, fsck, clone, hooks, bundle", packages: "git", limit: 6 * time.Minute,
		script: gitHelp + `
git init -q a; cd a; seq 100 >f; git add f; git commit -qm one; echo tail >>f; git commit -qam two; git checkout -qb side HEAD~1; sed -i 1s/1/one/ f; git commit -qam side
git rebase -q master 2>/dev/null; git log --format=%s; head -1 f; tail -1 f; git checkout -q master; sed -i 1s/1/uno/ f; git commit -qam uno
git merge -q side >/dev/null 2>&1 || git status --short; git checkout -q --ours f; git commit -qam merged; git log --merges --format='%s %an'; git blame -s f | grep -c uno
echo dirt >>f; git stash -q; git diff --stat; git stash pop -q; git diff --shortstat; git checkout -q f
printf '#!/bin/sh\nexit 1\n' >.git/hooks/pre-commit; chmod +x .git/hooks/pre-commit; git commit -q --allow-empty -m no || echo hook refused; rm .git/hooks/pre-commit
for i in $(seq 60); do echo $i >f$i; done; git add .; git commit -qm many; git gc -q --prune=now; git fsck 2>&1 | grep -v ^dangling || true; git count-objects -v | grep -E '^(count|packs)'; cd ..
git clone -q a b; git -C b log --oneline | wc -l; git -C a bundle create -q ../x.bundle --all; git clone -q x.bundle c -b side; cmp c/f <(git -C a show side:f) && echo bundle; git -C b grep -c uno`,
		want: "side\ntwo\none\none\ntail\nUU f\nmerged tester\n1\n 1 file changed, 1 insertion(+)\nhook refused\ncount: 0\npacks: 1\n6\nbundle\nf:1\n"},
	{name: "git/daemon", about: "clone, push and fetch through git daemon on the loopback device", packages: "git", limit: 6 * time.Minute,
		script: gitHelp + `
git init -q --bare s/r.git; git daemon --base-path=s --export-all --enable=receive-pack --reuseaddr --listen=127.0.0.1 --port=9418 --detach --pid-file=pid
for i in $(seq 100); do git ls-remote -q git://127.0.0.1/r.git >/dev/null 2>&1 && break; sleep 0.1; done
git clone -q git://127.0.0.1/r.git a 2>/dev/null; cd a; seq 20000 >big; git add big; git commit -qm big; git push -q origin HEAD:master; cd ..; git clone -q -b master git://127.0.0.1/r.git b; cmp a/big b/big && echo same
cd a; git rm -q big; git commit -qm gone; git push -q origin HEAD:master; cd ../b; git pull -q; ls | wc -l; git log --format=%s; kill $(cat ../pid)`,
		want: "same\n0\ngone\nbig\n"},
	{name: "perl/processes", about: "fork, pipe, open with -|, IPC::Open3, waitpid, signals and select", packages: "perl", limit: 4 * time.Minute,
		argv: argv("/usr/bin/perl", "-e", `use strict; use IPC::Open3; use POSIX ":sys_wait_h"; $| = 1;
pipe my $r, my $w; my $p = fork; if (!$p) { close $r; print $w "from child\n"; exit 4 } close $w; print scalar <$r>; waitpid $p, 0; print $? >> 8, "\n";
open my $c, "-|", "sort", "-rn", "words.txt" or die; my $n = () = <$c>; close $c; print "$n $?\n"; open $c, "|-", "cat; exit 3" or die; print $c "to child\n"; close $c; print $? >> 8, "\n";
my $pid = open3(my $in, my $out, undef, "sh", "-c", "cat; echo err >&2"); print $in "x\n"; close $in; print sort <$out>; waitpid $pid, 0;
my ($got, @kids) = (0); $SIG{CHLD} = sub { while ((my $k = waitpid -1, WNOHANG) > 0) { $got++ } }; for my $i (1..50) { my $k = fork; exit 0 unless $k; push @kids, $k } my $end = time + 60; select undef, undef, undef, 0.05 while $got < 50 && time < $end; print "$got\n"; $SIG{CHLD} = "DEFAULT";
$SIG{ALRM} = sub { die "alarm\n" }; eval { alarm 1; sleep 30 }; print $@; print system("exit 5;") >> 8, " ", system("/no/such"), "\n"; my $o = qx(kill -9 \$\$); print $? & 127, "\n"; system { "sh" } "renamed", "-c", "echo \$0"; exec "echo", "done"`),
		want: "from child\n4\n5000 0\nto child\n3\nerr\nx\n50\nalarm\n5 -1\n9\nrenamed\ndone\n"},
}

const gitHelp = `export GIT_AUTHOR_NAME=tester GIT_COMMITTER_NAME=tester GIT_AUTHOR_EMAIL=t@example.org GIT_COMMITTER_EMAIL=t@example.org GIT_CONFIG_NOSYSTEM=1 HOME=/tmp
git config --global init.defaultBranch master; git config --global advice.detachedHead false; git config --global safe.directory '*'; git config --global pull.rebase false`
