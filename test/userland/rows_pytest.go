package main

import (
	"regexp"
	"time"
)

// pythonTest is a module of Python's own test-suite.
type pythonTest struct {
	module string
	slow   bool
	// except are patterns of tests that fail on other systems, too, or cannot pass under an
	// interpreter, with the reasons.
	except map[string]string
}

var pythonTests = []pythonTest{
	{module: "test_fork1"}, {module: "test_wait3"}, {module: "test_wait4"}, {module: "test_popen"},
	{module: "test_signal", slow: true}, {module: "test_subprocess", slow: true}, {module: "test_os", slow: true}, {module: "test_posix"},
	{module: "test_threading", slow: true}, {module: "test_thread"}, {module: "test_select"}, {module: "test_poll"}, {module: "test_epoll"},
	{module: "test_pty"}, {module: "test_mmap"}, {module: "test_resource"}, {module: "test_fcntl"}, {module: "test_ioctl"},
	{module: "test_selectors"}, {module: "test_struct"}, {module: "test_socket", slow: true},
	{module: "test_multiprocessing_fork", slow: true}, {module: "test_multiprocessing_spawn", slow: true}, {module: "test_multiprocessing_forkserver", slow: true},
}

var worldPythonTests = pythonRows(pythonTests)

func pythonRows(tests []pythonTest) []worldRow {
	var rows []worldRow
	for _, t := range tests {
		rows = append(rows, t.row())
	}
	return rows
}

func (t *pythonTest) row() worldRow {
	argv := argv("/usr/bin/python3", "-m", "test", "--timeout", "1500", t.module)
	about := "Python's own tests"
	for pattern, why := range t.except {
		argv = append(argv, "-i", pattern)
		about += "; without " + pattern + ": " + why
	}
	return worldRow{
		name: "python-tests/" + t.module, about: about, packages: "python3 libpython3.13-testsuite", argv: argv, slow: t.slow,
		match: regexp.MustCompile(`(?m)^Result: SUCCESS$`), limit: 30 * time.Minute,
	}
}
