package hospes_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/hospes-vm/hospes"

// policy says which packages of the module each package may import in what is not
// a test. Imports point one way: from the command down to the packages that know
// nothing. A package that is not listed may not exist.
var policy = map[string][]string{
	"stats":                {},
	"internal/softfloat":   {},
	"internal/irq":         {},
	"internal/addrmap":     {},
	"internal/inherited":   {},
	"internal/reserved":    {},
	"internal/guarded":     {},
	"internal/sandbox/vfs": {"internal/guarded"},
	"internal/demo":        {},
	"internal/seccomp":     {},
	"internal/binfmt":      {},
	"internal/doctor":      {},
	"internal/symbols":     {},
	"internal/unwind":      {},
	"internal/transcache":  {"internal/reserved"},
	"internal/perf":        {"internal/reserved"},
	"internal/self":        {"internal/reserved"},

	"internal/mem":           {},
	"internal/mem/hostmem":   {"internal/mem"},
	"internal/mem/pagetable": {"internal/mem", "internal/mem/hostmem"},
	"internal/mem/offset":    {"internal/mem", "internal/mem/hostmem"},
	"internal/mem/subpage":   {"internal/mem", "internal/mem/hostmem", "internal/mem/pagetable"},
	"internal/mem/table":     {"internal/mem", "internal/mem/hostmem", "internal/mem/pagetable"},
	"internal/mem/direct":    {"internal/mem", "internal/mem/hostmem", "internal/mem/offset"},

	"internal/guest":                {"internal/ir", "internal/irq", "internal/mem"},
	"internal/guest/riscv/encoding": {},
	"internal/guest/riscv/isa":      {"internal/guest/riscv/encoding"},
	"internal/guest/riscv/gen":      {"internal/guest/riscv/encoding", "internal/guest/riscv/isa", "internal/ir"},
	"internal/guest/riscv/libc":     {"internal/guest", "internal/ir"},
	"internal/guest/riscv/libc/gen": {"internal/guest/riscv/libc"},
	"internal/guest/riscv/vdso":     {"internal/ir"},
	"internal/guest/riscv": {
		"internal/addrmap", "internal/guest", "internal/guest/riscv/encoding", "internal/guest/riscv/libc", "internal/guest/riscv/vdso", "internal/ir", "internal/irq",
		"internal/mem", "internal/softfloat", "internal/unwind",
	},

	"internal/host/amd64":  {},
	"internal/ir":          {"internal/irq", "internal/softfloat"},
	"internal/ir/irtest":   {"internal/ir", "internal/softfloat"},
	"internal/opt":         {"internal/ir"},
	"internal/opt/opttest": {"internal/ir", "internal/ir/irtest", "internal/opt", "internal/softfloat"},
	"internal/jit":         {"internal/host/amd64", "internal/ir", "internal/irq", "internal/softfloat"},

	"internal/trap":      {"internal/irq"},
	"internal/codecache": {"internal/addrmap", "internal/ir"},
	"internal/engine": {
		"internal/codecache", "internal/guest", "internal/host/amd64", "internal/ir", "internal/irq", "internal/jit", "internal/mem",
		"internal/opt", "internal/softfloat", "internal/transcache", "internal/trap", "stats",
	},
	"internal/view":       {"internal/engine", "internal/guest", "internal/ir", "internal/jit", "internal/opt"},
	"internal/peer":       {},
	"internal/ptrace":     {"internal/guest", "internal/peer", "internal/trap"},
	"internal/procview":   {"internal/mem", "internal/peer"},
	"internal/trap/early": {"internal/inherited", "internal/mem", "internal/mem/direct", "internal/trap"},
	"internal/hostthread": {},
	"internal/forkall":    {"internal/hostthread", "internal/reserved", "internal/trap"},
	"internal/loader":     {"internal/guest", "internal/mem"},
	"internal/linux/abi":  {},
	"internal/linux/uapi": {"internal/guest", "internal/mem"},
	"internal/linux": {
		"internal/binfmt", "internal/corefile", "internal/forkall", "internal/guest", "internal/hostthread", "internal/inherited",
		"internal/irq", "internal/linux/abi", "internal/linux/uapi", "internal/loader", "internal/mem",
		"internal/peer", "internal/procview", "internal/ptrace", "internal/reserved", "internal/seccomp", "internal/self", "internal/symbols",
		"internal/trap",
	},
	"internal/corefile": {},
	"internal/gdbstub":  {"internal/guest"},
	"internal/inferior": {
		"internal/gdbstub", "internal/guest", "internal/linux", "internal/peer", "internal/procview", "internal/ptrace",
	},
	"internal/sandbox": {"internal/guarded", "internal/guest", "internal/irq", "internal/linux/uapi", "internal/loader", "internal/mem", "internal/sandbox/vfs", "internal/trap"},
	"internal/inroot":  {},
	"internal/image":   {"internal/inroot"},
	"internal/rootfs":  {"internal/forkall", "internal/hostthread", "internal/inroot", "internal/self", "internal/trap"},
	"internal/explore": {"internal/engine", "internal/linux", "internal/mem", "internal/prof", "internal/view", "stats"},
	"internal/cover":   {"internal/mem", "internal/symbols"},
	"internal/prof":    {"internal/guest", "internal/linux", "internal/mem", "internal/symbols", "internal/unwind"},
	"internal/strace":  {"internal/linux", "internal/linux/abi", "internal/mem"},

	"": {
		"internal/cover", "internal/engine", "internal/explore", "internal/guarded", "internal/guest", "internal/guest/riscv", "internal/ir", "internal/linux", "internal/loader", "internal/mem", "internal/mem/direct", "internal/mem/offset",
		"internal/mem/subpage", "internal/mem/table", "internal/perf", "internal/prof", "internal/reserved", "internal/sandbox", "internal/sandbox/vfs", "internal/self", "internal/strace", "internal/transcache", "internal/view", "stats",
	},
	"cmd/hospes": {
		"", "internal/binfmt", "internal/demo", "internal/doctor", "internal/gdbstub", "internal/guest/riscv", "internal/inferior", "internal/reserved", "internal/rootfs", "internal/self", "internal/trap", "internal/trap/early",
	},
	"cmd/hospes-bench":   {},
	"cmd/hospes-explore": {},
	"cmd/hospes-image":   {"internal/image"},

	// Test programs and tools: nothing imports them.
	"internal/release":  {},
	"internal/testcmd":  {},
	"internal/difftest": {"internal/guest/riscv", "internal/guest/riscv/encoding"},
	"test/userland":     {},

	"test/recipes/kubernetes": {}, // a module of its own

	"bench/go/channels": {},
	"bench/go/json":     {},
	"bench/go/maps":     {},
	"bench/go/trees":    {},
}

// TestImports holds every package to the policy.
func TestImports(t *testing.T) {
	seen := map[string]bool{}
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && name != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "build") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		pkg := path.Dir(filepath.ToSlash(file))
		if pkg == "." {
			pkg = ""
		}
		seen[pkg] = true
		checkImports(t, pkg, file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range policy {
		if !seen[pkg] {
			t.Errorf("package %q is in the import policy, but does not exist", pkg)
		}
	}
}

// TestCommandDependencies keeps out of the command what takes over signals, uses
// cgo (trap/early cannot be linked then), makes every start slower, or has data that limits on memory count
// (crypto/internal/fips140/drbg has 32 MiB, and most of crypto depends on it).
func TestCommandDependencies(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "./cmd/hospes").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, pkg := range strings.Fields(string(out)) {
		switch pkg {
		case "runtime/cgo", "os/signal", "os/user", "net", "net/http":
			t.Errorf("cmd/hospes depends on %s", pkg)
		}
		if strings.HasPrefix(pkg, "crypto/") {
			t.Errorf("cmd/hospes depends on %s", pkg)
		}
	}
}

func checkImports(t *testing.T, pkg, file string) {
	allowed, ok := policy[pkg]
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Error(err)
		return
	}
	if !ok {
		t.Errorf("package %q is not in the import policy", pkg)
		return
	}
	for _, spec := range f.Imports {
		p, _ := strconv.Unquote(spec.Path.Value)
		rest, inside := strings.CutPrefix(p, module)
		if inside && !slices.Contains(allowed, strings.TrimPrefix(rest, "/")) {
			t.Errorf("%s imports %s, which the policy of %q does not allow", file, p, pkg)
		}
		if p == "C" {
			t.Errorf("%s uses cgo", file)
		}
		if p == "os/signal" && pkg != "cmd/hospes-image" && pkg != "cmd/hospes-explore" { // which no guest is in
			t.Errorf("%s imports os/signal, which takes signals from the guest", file)
		}
	}
}
