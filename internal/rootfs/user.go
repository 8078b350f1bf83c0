//go:build linux

package rootfs

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// FindUser returns the user of a specification as images and --user have it: USER or
// USER:GROUP, each a name or a number. Names are those of etc/passwd and etc/group in the
// first of the directories that has them; the empty specification is root.
func FindUser(spec string, dirs ...string) (User, error) {
	name, group, hasGroup := strings.Cut(spec, ":")
	if name == "" {
		name = "0"
	}
	u := User{Home: "/", GID: 0}
	var err error
	line := findLine(dirs, "etc/passwd", name, 2)
	switch {
	case len(line) >= 6:
		u.Name, u.Home = line[0], line[5]
		u.UID, u.GID, err = twoIDs(line[2], line[3])
	default:
		u.UID, err = parseID(name)
	}
	if err != nil {
		return u, fmt.Errorf("there is no user %q in the root", name)
	}
	if hasGroup {
		if line := findLine(dirs, "etc/group", group, 2); line != nil {
			group = line[2]
		}
		if u.GID, err = parseID(group); err != nil {
			return u, fmt.Errorf("there is no group %q in the root", group)
		}
	} else if u.Name != "" {
		u.Groups = groupsOf(dirs, u.Name)
	}
	return u, nil
}

func parseID(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 31)
	return int(n), err
}

func twoIDs(a, b string) (int, int, error) {
	x, err := parseID(a)
	if err != nil {
		return 0, 0, err
	}
	y, err := parseID(b)
	return x, y, err
}

// lines returns the fields of each line of a file with colons, inside the first directory
// that has it.
func lines(dirs []string, file string) (list [][]string) {
	for _, dir := range dirs {
		text, err := readInside(dir, file)
		if err != nil {
			continue
		}
		for line := range strings.Lines(text) {
			if f := strings.Split(strings.TrimSuffix(line, "\n"), ":"); len(f) > 2 {
				list = append(list, f)
			}
		}
		return list
	}
	return nil
}

// findLine returns the line whose name, or number in the field id, is key.
func findLine(dirs []string, file, key string, id int) []string {
	list := lines(dirs, file)
	for _, field := range []int{0, id} {
		for _, f := range list {
			if f[field] == key {
				return f
			}
		}
	}
	return nil
}

// groupsOf returns the groups that list a user as a member.
func groupsOf(dirs []string, user string) (ids []int) {
	for _, f := range lines(dirs, "etc/group") {
		if len(f) > 3 && slices.Contains(strings.Split(f[3], ","), user) {
			if id, err := parseID(f[2]); err == nil {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// readInside reads a small file, whose links lead nowhere but into dir.
func readInside(dir, name string) (string, error) {
	root, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(root)
	fd, err := unix.Openat2(root, name, &unix.OpenHow{Flags: unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK, Resolve: unix.RESOLVE_IN_ROOT})
	if err != nil {
		return "", err
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 1<<20))
	return string(b), err
}
