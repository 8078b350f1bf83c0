package rootfs

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// idMap is what IDs inside are outside. Root has its own IDs inside, all of them; others
// have but their own, under the number that is wanted.
func idMap(file string, inside, outside int) (m []syscall.SysProcIDMap) {
	if os.Geteuid() != 0 {
		return own(inside, outside)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		var first, outer, n int
		if _, err := fmt.Sscan(s.Text(), &first, &outer, &n); err == nil {
			m = append(m, syscall.SysProcIDMap{ContainerID: first, HostID: first, Size: n})
		}
	}
	return m
}

func own(inside, outside int) []syscall.SysProcIDMap {
	return []syscall.SysProcIDMap{{ContainerID: inside, HostID: outside, Size: 1}}
}

// helperMap is a map that a set-id helper writes, newuidmap(1) or newgidmap(1): with it,
// files inside can belong to others than the user.
type helperMap []syscall.SysProcIDMap

// subordinates returns the maps with the IDs that the user has been given in subuid(5)
// and subgid(5); nil if there are none, or no need of them.
func subordinates(u User) (uids, gids helperMap) {
	if os.Geteuid() == 0 {
		return nil, nil
	}
	for _, helper := range []string{"newuidmap", "newgidmap"} {
		if _, err := exec.LookPath(helper); err != nil {
			return nil, nil
		}
	}
	uids = withSubordinates("etc/subuid", u.UID, os.Geteuid())
	gids = withSubordinates("etc/subgid", u.GID, os.Getegid())
	if uids == nil || gids == nil {
		return nil, nil
	}
	return uids, gids
}

// withSubordinates maps the user's own ID to root, and the user's range to what follows, if
// that has the ID that is wanted.
func withSubordinates(file string, wanted, outside int) helperMap {
	host := []string{"/"}
	user := strconv.Itoa(os.Geteuid())
	line := findLine(host, file, user, 0)
	if known := findLine(host, "etc/passwd", user, 2); line == nil && known != nil {
		line = findLine(host, file, known[0], 0)
	}
	if line == nil {
		return nil
	}
	first, n, err := twoIDs(line[1], line[2])
	if err != nil || n == 0 || wanted > n {
		return nil
	}
	return append(own(0, outside), syscall.SysProcIDMap{ContainerID: 1, HostID: first, Size: n})
}

// write has the helper write the map of a child.
func (m helperMap) write(helper string, pid int) error {
	args := []string{strconv.Itoa(pid)}
	for _, e := range m {
		args = append(args, strconv.Itoa(e.ContainerID), strconv.Itoa(e.HostID), strconv.Itoa(e.Size))
	}
	return exec.Command(helper, args...).Run()
}
