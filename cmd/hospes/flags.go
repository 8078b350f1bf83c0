package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/hospes-vm/hospes"
	"github.com/hospes-vm/hospes/internal/demo"
)

// opts are what the command line and the HOSPES_ variables say.
type opts struct {
	sysroot    string
	setEnv     []string
	unsetEnv   []string
	argv0      string
	hasArgv0   bool
	mapping    hospes.Mapping
	memory     memoryOpts
	noIsolate  bool
	translator hospes.Translator
	hasCache   bool // translator.Stored is decided
	strace     bool
	code       codeParts
	filter     codeFilter
	logFile    string
	stats      bool
	mix        hospes.Mix
	profile    profileOpts
	coverage   coverageOpts
	exploreDir string
	exploring  exploreOpts
	debug      debugAddress
	core       string
	check      bool
	demo       bool
	version    bool

	install installOpts
	run     *runOpts // of hospes run; nil for another start

	out io.Writer // the log, once config has opened it

	resume  *hospes.Resume // the execve that this process continues, or nil
	program string
	args    []string // behind the program
}

var errHelp = errors.New("help wanted")

// option is one flag: its names, the variable that sets it too, and its help.
type option struct {
	names string // without dashes, separated by ", "
	env   string
	arg   string // name of its value; empty for a switch
	help  string
	set   func(o *opts, value string) error
}

// table is all there is: usage, flag parsing and variables come from it.
var table = []option{
	{"L, sysroot", "HOSPES_SYSROOT", "DIR", "root of the guest's libraries and files", func(o *opts, v string) error {
		o.sysroot = v
		return checkDir(v)
	}},
	{"E, set-env", "HOSPES_SET_ENV", "NAME=VALUE", "set a variable in the guest's environment", func(o *opts, v string) error {
		if !strings.Contains(v, "=") {
			return fmt.Errorf("%q is not of the form NAME=VALUE", v)
		}
		o.setEnv = append(o.setEnv, v)
		return nil
	}},
	{"U, unset-env", "HOSPES_UNSET_ENV", "NAME", "remove a variable from the guest's environment", func(o *opts, v string) error {
		o.unsetEnv = append(o.unsetEnv, v)
		return nil
	}},
	{"0, argv0", "HOSPES_ARGV0", "NAME", "argv[0] of the guest, instead of PROGRAM", func(o *opts, v string) error {
		o.argv0, o.hasArgv0 = v, true
		return nil
	}},
	{"g, gdb", "HOSPES_GDB", "ADDRESS", "wait for GDB (target remote) at PORT, HOST:PORT or a socket /PATH; with ,suspend=n let it attach at any time", func(o *opts, v string) (err error) {
		o.debug, err = parseDebugAddress(v)
		return err
	}},
	{"core", "HOSPES_CORE", "FILE", "write core dumps of the guest to FILE, in which %p is the process ID, whatever RLIMIT_CORE is", func(o *opts, v string) (err error) {
		o.core, err = filepath.Abs(v)
		return err
	}},
	{"strace", "HOSPES_STRACE", "", "log system calls in the format of strace(1)", func(o *opts, v string) error {
		return parseSwitch(&o.strace, v)
	}},
	{"d, show", "HOSPES_SHOW", "PARTS", "log code: guest (in_asm), ir (op), host (out_asm), with commas; guest alone: what is interpreted, too. html:FILE makes a page of optimised code", func(o *opts, v string) (err error) {
		o.code, err = parseParts(v)
		return err
	}},
	{"dfilter", "HOSPES_DFILTER", "RANGES", "of -d, only blocks in FROM..TO, FROM+SIZE, FROM-SIZE or FUNCTION, with commas", func(o *opts, v string) (err error) {
		o.filter, err = parseFilter(v)
		return err
	}},
	{"D, log, log-file", "HOSPES_LOG", "FILE", "write logs to FILE instead of standard error", func(o *opts, v string) error {
		o.logFile = v
		return nil
	}},
	{"mapping", "HOSPES_MAPPING", "offset|table|direct", "how guest memory is mapped; offset is the default", func(o *opts, v string) (err error) {
		o.mapping, err = hospes.ParseMapping(v)
		return err
	}},
	{"page-size", "HOSPES_PAGE_SIZE", "4K|16K|64K", "the guest's page size; 4K is the default", func(o *opts, v string) (err error) {
		o.memory.page, err = parsePage(v)
		return err
	}},
	{"host-page-size", "HOSPES_HOST_PAGE_SIZE", "16K|64K", "for tests: act as if the host's pages were of that size", func(o *opts, v string) (err error) {
		o.memory.host, err = parsePage(v)
		return err
	}},
	{"address-bits", "HOSPES_ADDRESS_BITS", "38|47|56", "size of the guest's address space in bits; 38 is the default", func(o *opts, v string) (err error) {
		o.memory.bits, err = parseBits(v)
		return err
	}},
	{"isolate", "HOSPES_ISOLATE", "", "compare each address with the guest's limits (default); --isolate=off trusts the guest", func(o *opts, v string) error {
		var on bool
		err := parseSwitch(&on, v)
		o.noIsolate = !on
		return err
	}},
	{"translate", "HOSPES_TRANSLATE", "on|off", "translate hot code (default), or interpret everything", func(o *opts, v string) error {
		switch v {
		case "on", "off":
			o.translator.Off = v == "off"
			return nil
		}
		return fmt.Errorf("%q is neither on nor off", v)
	}},
	{"threshold", "HOSPES_THRESHOLD", "N", "translate code that was executed N times; 0: at once", func(o *opts, v string) (err error) {
		o.translator.Threshold, err = parseThreshold(v)
		return err
	}},
	{"optimise", "HOSPES_OPTIMISE", "on|off", "optimise loops that are hot (default), or only translate them", func(o *opts, v string) error {
		switch v {
		case "on", "off":
			o.translator.NoOptimiser = v == "off"
			return nil
		}
		return fmt.Errorf("%q is neither on nor off", v)
	}},
	{"optimise-threshold", "HOSPES_OPTIMISE_THRESHOLD", "N", "optimise what was jumped back to or called N times, at any cost, not what takes much time; 0: at once", func(o *opts, v string) (err error) {
		o.translator.OptimiserThreshold, err = parseThreshold(v)
		return err
	}},
	{"optimise-chance", "HOSPES_OPTIMISE_CHANCE", "SEED", "for tests: leave optimised code at random places, chosen by SEED", func(o *opts, v string) (err error) {
		if o.translator.Chance, err = strconv.ParseUint(v, 0, 64); err != nil || o.translator.Chance == 0 {
			return fmt.Errorf("%q is no number from 1 on", v)
		}
		return nil
	}},
	{"code-cache", "HOSPES_CODE_CACHE", "SIZE", "size of the code cache in bytes, or with K, M or G", func(o *opts, v string) (err error) {
		o.translator.CacheSize, err = parseSize(v)
		return err
	}},
	{"cache, translation-cache", "HOSPES_TRANSLATION_CACHE", "DIR|off", "keep translations for later runs in DIR, or not; ~/.cache/hospes/translations is the default", func(o *opts, v string) (err error) {
		if o.translator.Stored, o.hasCache = "", true; v == "" {
			return errors.New("no directory given, nor off")
		} else if v != "off" {
			o.translator.Stored, err = filepath.Abs(v)
		}
		return err
	}},
	{"native-lib", "HOSPES_NATIVE_LIB", "on|off", "host code for memcpy, strlen and the like of known C libraries and Go (default), or translate theirs", func(o *opts, v string) error {
		var on bool
		err := parseSwitch(&on, v)
		o.translator.NoNativeLib = !on
		return err
	}},
	{"wx", "HOSPES_WX", "", "keep translated code in memory that is never both writable and executable", func(o *opts, v string) error {
		return parseSwitch(&o.translator.WX, v)
	}},
	{"perf", "HOSPES_PERF", "FILES", "let perf(1) see translated code: map (/tmp/perf-PID.map), jitdump (/tmp/jit-PID.dump), or both with a comma", func(o *opts, v string) error {
		return parsePerf(&o.translator, v)
	}},
	{"check", "HOSPES_CHECK", "", "hold each translation against the interpreter while it runs; log the first difference, and exit with status 125", func(o *opts, v string) error {
		return parseSwitch(&o.check, v)
	}},
	{"stats", "HOSPES_STATS", "", "at its end, have each process write counters to the log; --stats=mix,blocks counts instructions, too: by kind, and the hottest blocks (blocks:N), at the cost of speed", func(o *opts, v string) (err error) {
		o.mix = hospes.Mix{}
		if parseSwitch(&o.stats, v) != nil {
			o.stats = true
			o.mix, err = hospes.ParseMix(v)
		}
		return err
	}},
	{"pprof", "HOSPES_PPROF", "FILE", "write a profile for go tool pprof to FILE: CPU time by functions of the guest, with stacks; of other processes than the first to FILE.PID", func(o *opts, v string) error {
		o.profile.file = v
		return nil
	}},
	{"pprof-rate", "HOSPES_PPROF_RATE", "N", "samples in a second of CPU time of each thread: 1 to 1000 (default 100)", func(o *opts, v string) (err error) {
		o.profile.rate, err = parseRate(v)
		return err
	}},
	{"coverage", "HOSPES_COVERAGE", "FILE", "write the lines of source text that are executed to FILE, a tracefile for lcov and genhtml; each process adds to it", func(o *opts, v string) error {
		o.coverage.file = v
		return nil
	}},
	{"coverage-source", "HOSPES_COVERAGE_SOURCE", "PATHS", "of --coverage, only source files whose names have one of PATHS, with commas: directories or files", func(o *opts, v string) error {
		o.coverage.paths = sourcePaths(v)
		return nil
	}},
	{"explore-dir", "HOSPES_EXPLORE_DIR", "DIR", "for hospes explore: tell of each process in files of DIR", func(o *opts, v string) error {
		o.exploreDir = v
		return checkDir(v)
	}},
	{"demo", "", "", "run the program that is built in", func(o *opts, v string) error {
		return parseSwitch(&o.demo, v)
	}},
	{"version", "", "", "print version and what this build can do", func(o *opts, v string) error {
		return parseSwitch(&o.version, v)
	}},
}

// parsePerf reads the list of files for perf(1).
func parsePerf(t *hospes.Translator, v string) error {
	t.PerfMap, t.JITDump = false, false
	for name := range strings.SplitSeq(v, ",") {
		switch name {
		case "map":
			t.PerfMap = true
		case "jitdump":
			t.JITDump = true
		default:
			return fmt.Errorf("%q is neither map nor jitdump", name)
		}
	}
	return nil
}

const maxThreshold = 1 << 30

// parseThreshold reads how often something is executed before something is done about it. A
// negative result is for 0.
func parseThreshold(v string) (int, error) {
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 || n > maxThreshold {
		return 0, fmt.Errorf("%q is no number from 0 to %d", v, maxThreshold)
	}
	if n == 0 {
		return -1, nil
	}
	return n, nil
}

// The least and the greatest size of the code cache: its jumps reach 2 GiB.
const minCodeCache, maxCodeCache = 128 << 10, 1 << 30

// parseSize reads a number of bytes with a unit.
func parseSize(v string) (int, error) {
	digits, shift := v, 0
	if i := strings.IndexAny(v, "KMG"); i >= 0 && i == len(v)-1 {
		digits, shift = v[:i], 10*(1+strings.IndexByte("KMG", v[i]))
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1 || n > maxCodeCache>>shift || n<<shift < minCodeCache {
		return 0, fmt.Errorf("%q is no size from 128K to 1G", v)
	}
	return n << shift, nil
}

func parseSwitch(b *bool, v string) error {
	switch v {
	case "", "0", "false", "off":
		*b = false
	case "1", "true", "on":
		*b = true
	default:
		return fmt.Errorf("%q is neither 1 nor 0", v)
	}
	return nil
}

func checkDir(path string) error {
	st, err := os.Stat(path)
	if err == nil && !st.IsDir() {
		err = fmt.Errorf("%s: not a directory", path)
	}
	return err
}

// parse reads the variables, then the command line, which wins.
func parse(args []string, getenv func(string) string) (*opts, error) {
	o := &opts{}
	if err := setByVariables(o, table, getenv); err != nil {
		return nil, err
	}
	fs := newFlags("hospes")
	addFlags(fs, o, table)
	if err := fs.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil, errHelp
	} else if err != nil {
		return nil, fmt.Errorf("%w (see hospes --help)", err)
	}
	if !o.hasCache {
		o.translator.Stored = defaultCache(getenv)
	}
	o.translator.CreateStored = true
	if err := o.conflicts(); err != nil {
		return nil, err
	}
	rest := fs.Args()
	switch {
	case o.demo:
		o.program, o.args = "demo", rest
	case len(rest) > 0:
		o.program, o.args = rest[0], rest[1:]
	case !o.version:
		return nil, errors.New("no program given (see hospes --help)")
	}
	return o, nil
}

// conflicts reports options that exclude each other.
func (o *opts) conflicts() error {
	switch {
	case o.check && o.translator.Off:
		return errors.New("--check and --translate=off: without translations there is nothing to check")
	case o.check && o.profile.file != "":
		return errors.New("--check and --pprof: a check executes code in other ways than a profile is to tell of")
	case o.check && o.exploreDir != "":
		return errors.New("--check and --explore-dir: a check executes code in other ways than is to be shown")
	case o.mix != (hospes.Mix{}) && (o.translator.Off || o.check):
		return errors.New("--stats=mix,blocks: counting needs translations, and excludes --check")
	case o.coverage.file != "" && (o.translator.Off || o.check):
		return errors.New("--coverage: counting needs translations, and excludes --check")
	}
	return nil
}

// config is what the options mean for a run with the given environment.
func (o *opts) config(env []string) (hospes.Config, error) {
	if o.run != nil {
		env = o.run.environment(env)
	}
	name := o.program
	if o.hasArgv0 {
		name = o.argv0
	}
	cfg := hospes.Config{
		Program:  o.program,
		Args:     append([]string{name}, o.args...),
		Env:      o.environment(env),
		Sysroot:  o.sysroot,
		Mapping:  o.mapping,
		PageSize: o.memory.page, HostPageSize: o.memory.host, AddressBits: o.memory.bits,
		NoIsolation: o.noIsolate,
		Translator:  o.translator,
		Resume:      o.resume,
		Core:        o.core,
	}
	switch {
	case cfg.Sysroot != "" || o.demo || o.run != nil:
	case o.resume != nil:
		cfg.Sysroot = o.resume.Sysroot()
	default:
		cfg.Sysroot = hospes.FindSysroot(o.program)
	}
	cfg.ExecOptions = o.execOptions()
	if o.demo {
		cfg.Image = demo.Program()
	}
	log, err := o.log()
	o.out, cfg.Stats, cfg.Mix = log, o.stats, o.mix
	if o.strace {
		cfg.Strace = log
	}
	if o.check {
		cfg.Check = log
	}
	if o.code.any() {
		cfg.Code = &hospes.CodeView{Output: log, Guest: o.code.guest, IR: o.code.ir, Host: o.code.host}
		if o.filter.text != "" {
			cfg.Code.Filter = o.filter.match
		}
	}
	if err == nil && o.code.page != "" {
		cfg.Code.Page, err = o.page()
	}
	if err == nil {
		err = o.reports(&cfg)
	}
	return cfg, err
}

// execOptions are the options with which the guest's execve starts hospes anew. The
// sysroot is not among them: the guest may have left it.
// The environment is then the guest's affair.
func (o *opts) execOptions() []string {
	args := []string{"--mapping", o.mapping.String()}
	if file, err := filepath.Abs(o.logFile); err == nil && o.logFile != "" {
		args = append(args, "-D", file)
	}
	args = append(args, o.memory.options()...)
	args = append(args, o.translatorOptions()...)
	add := func(on bool, name string) {
		if on {
			args = append(args, name)
		}
	}
	add(o.noIsolate, "--isolate=off")
	if o.core != "" {
		args = append(args, "--core", o.core)
	}
	add(o.strace, "--strace")
	if o.code.any() {
		args = append(args, "-d", o.code.String())
	}
	if o.filter.text != "" {
		args = append(args, "--dfilter", o.filter.text)
	}
	add(o.check, "--check")
	if o.exploreDir != "" {
		args = append(args, "--explore-dir", absolute(o.exploreDir))
	}
	add(o.stats, "--stats"+o.mix.Option())
	return slices.Concat(args, o.profile.options(), o.coverage.options())
}

// translatorOptions are the options that say what o.translator does.
func (o *opts) translatorOptions() (args []string) {
	t := o.translator
	if t.Off {
		args = append(args, "--translate", "off")
	}
	if t.Threshold != 0 {
		args = append(args, "--threshold", strconv.Itoa(max(t.Threshold, 0)))
	}
	if t.NoOptimiser {
		args = append(args, "--optimise", "off")
	}
	if t.OptimiserThreshold != 0 {
		args = append(args, "--optimise-threshold", strconv.Itoa(max(t.OptimiserThreshold, 0)))
	}
	if t.Chance != 0 {
		args = append(args, "--optimise-chance", strconv.FormatUint(t.Chance, 10))
	}
	if t.CacheSize != 0 {
		args = append(args, "--code-cache", strconv.Itoa(t.CacheSize))
	}
	if t.Stored != "" {
		args = append(args, "--cache", t.Stored)
	} else {
		args = append(args, "--cache", "off")
	}
	if t.NoNativeLib {
		args = append(args, "--native-lib", "off")
	}
	if t.WX {
		args = append(args, "--wx")
	}
	var files []string
	if t.PerfMap {
		files = append(files, "map")
	}
	if t.JITDump {
		files = append(files, "jitdump")
	}
	if files != nil {
		args = append(args, "--perf", strings.Join(files, ","))
	}
	return args
}

// environment applies -E and -U to env.
func (o *opts) environment(env []string) []string {
	env = slices.Clone(env)
	drop := func(name string) {
		env = slices.DeleteFunc(env, func(kv string) bool { return strings.HasPrefix(kv, name+"=") })
	}
	for _, name := range o.unsetEnv {
		drop(name)
	}
	for _, kv := range o.setEnv {
		name, _, _ := strings.Cut(kv, "=")
		drop(name)
		env = append(env, kv)
	}
	return env
}

const usageHead = `hospes runs a Linux program built for another instruction set (RISC-V 64).

Usage:
`

const examples = `hospes ./hello.riscv64 world              a static program, or one whose root is found
hospes -L /srv/riscv64 /usr/bin/python3   a program of an unpacked Debian
hospes --strace -D log ./prog             system calls to a file
hospes run --root image.tar -v .:/src sh  in an image, with a directory of the host
GOARCH=riscv64 go test -exec hospes ./... Go tests of another architecture
`

const usageTail = `
The exit status is the guest's; a guest that a signal kills makes hospes die of
the same signal. 127: program not found; 126: it cannot be executed;
125: hospes itself failed, or --check has found a difference; 2: bad usage.
`

// usage writes the help text.
func usage(w io.Writer) {
	fmt.Fprint(w, usageHead)
	for _, s := range synopses() {
		fmt.Fprintln(w, " ", s)
	}
	fmt.Fprint(w, "\nOptions (each also by a variable):\n")
	usageOptions(w, table)
	for _, c := range commands() {
		fmt.Fprintf(w, "\nhospes %s: %s\n", c.name, c.help)
		usageOptions(w, c.options)
	}
	fmt.Fprint(w, "\nExamples:\n")
	for line := range strings.Lines(examples) {
		fmt.Fprint(w, "  ", line)
	}
	fmt.Fprint(w, usageTail)
}

// synopsis is how the command is typed.
func (c *command) synopsis() string {
	s := "hospes " + c.name
	if c.options != nil {
		s += " [OPTIONS]"
	}
	if c.args != "" {
		s += " " + c.args
	}
	return s
}

func usageOptions(w io.Writer, table []option) {
	for _, opt := range table {
		left := strings.Join(opt.dashed(), ", ")
		if opt.arg != "" {
			left += " " + opt.arg
		}
		fmt.Fprintf(w, "  %-30s %s", left, opt.help)
		if opt.env != "" {
			fmt.Fprintf(w, " [%s]", opt.env)
		}
		fmt.Fprintln(w)
	}
}
