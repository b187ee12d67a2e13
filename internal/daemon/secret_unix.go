//go:build !windows

package daemon

import (
	"fmt"
	"os"
)

// checkSecretFile refuses a file that every user of the machine can read or
// change. What is no regular file, as /dev/stdin, has no such mode.
func checkSecretFile(name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if mode := info.Mode(); mode.IsRegular() && mode.Perm()&0o007 != 0 {
		return fmt.Errorf("%s: every user can read or change it (mode %#o); do: chmod 600 %s", name, mode.Perm(), name)
	}
	return nil
}

// checkSecretFolder refuses a folder in which every user of the machine can
// put and replace files.
func checkSecretFolder(name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	if mode := info.Mode(); mode.Perm()&0o002 != 0 && mode&os.ModeSticky == 0 {
		return fmt.Errorf("data folder %s: every user can write in it (mode %#o); do: chmod 700 %s", name, mode.Perm(), name)
	}
	return nil
}
