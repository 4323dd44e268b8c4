//go:build !unix

package dbtest

import "os/exec"

func demote(*exec.Cmd) error { return errNoBinaries }

func handOver(...string) error { return errNoBinaries }
