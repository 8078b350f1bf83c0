package main

import "path/filepath"

// defaultCache is the directory where translations are kept, by the XDG Base Directory Specification; "" if there is none.
func defaultCache(getenv func(string) string) string {
	dir := getenv("XDG_CACHE_HOME")
	if !filepath.IsAbs(dir) { // which is to be ignored
		home := getenv("HOME")
		if !filepath.IsAbs(home) {
			return ""
		}
		dir = filepath.Join(home, ".cache")
	}
	return filepath.Join(dir, "hospes", "translations")
}
