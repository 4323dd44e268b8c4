//go:build unix

package dbtest

import (
	"errors"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// demote makes cmd a process group of its own, so that Ctrl-C reaches the tests before it, and under root, which PostgreSQL refuses,
// gives it another user.
func demote(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Env = append(os.Environ(), "LC_ALL=C", "HOME="+cmd.Dir)
	if os.Geteuid() != 0 {
		return nil
	}
	uid, gid, err := lowly()
	if err != nil {
		return err
	}
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)} //nolint:gosec // ids fit
	return nil
}

// handOver gives the files to the user that the server will run as.
func handOver(paths ...string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	uid, gid, err := lowly()
	for _, path := range paths {
		err = errors.Join(err, os.Chown(path, uid, gid))
	}
	return err
}

func lowly() (uid, gid int, err error) {
	for _, name := range []string{"postgres", "nobody"} {
		u, lookupErr := user.Lookup(name)
		if lookupErr != nil {
			err = lookupErr
			continue
		}
		uid, uidErr := strconv.Atoi(u.Uid)
		gid, gidErr := strconv.Atoi(u.Gid)
		return uid, gid, errors.Join(uidErr, gidErr)
	}
	return 0, 0, err
}
