package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// sourceNames are the Debian source packages that tests need.
func sourceNames(tests []test) []string {
	return collect(tests, func(t *test) string { return t.sources })
}

// debianSources has the script fetch sources; it returns the tarballs by their packages.
// Where one cannot be had, as without a network, the rows that need it skip.
func debianSources(names []string) map[string]string {
	tarballs := map[string]string{}
	for _, name := range names {
		cmd := exec.Command("scripts/debian-source.sh", name)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err == nil {
			_, path, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
			tarballs[name] = path
		}
	}
	return tarballs
}

// sourceVersion is the version in a tarball's name, which is PACKAGE_VERSION.orig.tar.gz.
func sourceVersion(path string) string {
	_, version, _ := strings.Cut(filepath.Base(path), "_")
	version, _, _ = strings.Cut(version, ".orig.tar")
	return version
}

// copySources copies tarballs to dir, as PACKAGE.tar whatever their compression: tar can
// tell. It returns the package that there is none of, if so.
func (c *config) copySources(dir, names string) (missing string, err error) {
	for _, name := range strings.Fields(names) {
		path := c.sources[name]
		if path == "" {
			return name, nil
		}
		text, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name+".tar"), text, 0o644)
		}
		if err != nil {
			return "", err
		}
	}
	return "", nil
}
