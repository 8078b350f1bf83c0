//go:build linux && amd64

package sandbox

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hospes-vm/hospes/internal/sandbox/vfs"
)

// debian returns the unpacked Debian of another architecture that test/userland uses, read-only. Other programs, such as the benchmark, may have
// unpacked less of it.
func debian(t *testing.T) *vfs.FS {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skip(err)
	}
	dir := filepath.Join(cache, "hospes", "rootfs-trixie-riscv64")
	for _, shell := range []string{"busybox", "dash", "bash"} {
		if _, err := os.Stat(filepath.Join(dir, "usr/bin", shell)); err != nil {
			t.Skip("not unpacked by `make userland`:", err)
		}
	}
	root, err := vfs.NewHost(dir, vfs.HostOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root
}

// run runs a program of Debian with nothing but its root, read-only, and /tmp.
func run(t *testing.T, stdin string, argv ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	tmp := vfs.NewMem(vfs.MemOptions{Size: 64 << 20})
	defer tmp.Close()
	var stdout, stderr bytes.Buffer
	k, err := New(Config{NewMachine: newMachine, Files: FileConfig{
		Stdin: strings.NewReader(stdin), Stdout: &stdout, Stderr: &stderr, Dir: "/tmp",
		Mounts: []Mount{
			{Target: "/", FS: debian(t), MountOptions: vfs.MountOptions{ReadOnly: true}},
			{Target: "/tmp", FS: tmp},
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	exit, err := k.Run(ctx, Program{Path: argv[0], Argv: argv, Env: []string{"PATH=/usr/bin:/bin", "HOME=/tmp", "LC_ALL=C.UTF-8"}})
	if err != nil {
		t.Fatal(err)
	}
	return result{stdout.String(), stderr.String(), exit}
}

// TestUserland runs programs of Debian: what needs files, pipes and processes.
func TestUserland(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	for _, c := range []struct {
		name, want string
		argv       []string
	}{
		{"applets", "f\n./f\n-rw-r--r-- root/root 2 f\ny\n10\n9\n", []string{"/usr/bin/busybox", "sh", "-c",
			`echo x >f; ls; find . -type f; busybox tar cf t f && busybox tar tvf t | sed 's/ *[0-9]* [0-9-]* [0-9:]* / 2 /'; sed s/x/y/ f; seq 10 | sort -rn | head -2`}},
		{"shell", "sub\nA B C\n3\ny\nhere\n/tmp/d\nd\n0 f\n", []string{"/bin/bash", "-c",
			`cat < <(echo sub); echo a b c | tr a-z A-Z; (exit 3); echo $?; yes | head -1; cat <<<here; mkdir d; cd d; pwd; cd ..; ls; : >f; wc -c f; rm -r d`}},
		{"read-only root", "denied\n", []string{"/bin/sh", "-c", `touch /etc/x 2>/dev/null || echo denied`}},
		{"proc", "/usr/bin/readlink\nName:\tgrep\n/tmp\nsleep\x00100\x00", []string{"/bin/sh", "-c",
			`readlink /proc/self/exe; grep Name /proc/self/status; readlink /proc/$$/cwd; sleep 100 & cat /proc/$!/cmdline; kill $!`}},
		{"fifo", "through\n", []string{"/bin/sh", "-c", `mkfifo p; (echo through >p) & cat p; wait`}},
		{"sqlite", "499500\nok\n", []string{"/usr/bin/sqlite3", "a.db", `pragma journal_mode=wal; create table t(a);
			with recursive c(i) as (select 0 union all select i+1 from c where i<999) insert into t select i from c;
			select sum(a) from t; pragma integrity_check`}},
		{"python", pythonOutput, []string{"/usr/bin/python3", "-c", pythonProgram}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := run(t, "", c.argv...)
			if out := strings.TrimPrefix(got.stdout, "wal\n"); out != c.want || got.exit != (Exit{}) {
				t.Errorf("%v:\n%s\nwant:\n%s\nstandard error:\n%s", got.exit, out, c.want, got.stderr)
			}
		})
	}
}

const pythonProgram = `
import mmap, multiprocessing, os, select, shutil, subprocess, tempfile
t = tempfile.NamedTemporaryFile(); t.write(b"x" * 100000); t.flush(); print(os.path.getsize(t.name)); t.close()
print(subprocess.run(["echo", "sub"], capture_output=True).stdout)
with multiprocessing.Pool(2) as p: print(p.map(abs, [-1, -2]))
r, w = os.pipe(); os.write(w, b"x"); print(len(select.select([r], [], [], 1)[0]))
e = select.epoll(); e.register(r); print(e.poll(1)[0][1])
f = open("m", "w+b"); f.truncate(8192); m = mmap.mmap(f.fileno(), 8192); m[0:3] = b"abc"; print(open("m", "rb").read(4))
print(shutil.disk_usage("/tmp").total >> 20)
`

const pythonOutput = "100000\nb'sub\\n'\n[1, 2]\n1\n1\nb'abc\\x00'\n64\n"
