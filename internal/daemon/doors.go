package daemon

import (
	"errors"
	"log/slog"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/credential"
	"github.com/pixivoc/pixivoc/internal/saveroot"
)

// services are what doors are made of.
type services struct {
	client   pixivoc.Client
	store    pixivoc.Store
	book     *credential.Book
	roots    *saveroot.Roots
	settings *Settings
	logger   *slog.Logger
	// isOpen says that others than programs of this machine may reach the HTTP
	// address, be it through a proxy.
	isOpen bool
	// exit ends the daemon.
	exit func()
}

// openHTTPDoors makes all doors on the HTTP address that the settings want. When
// one cannot be made, those before it are closed.
func openHTTPDoors(v *services) (doors []*httpDoor, err error) {
	makers := []func(*services) (*httpDoor, error){openConsole, openREST, openTask, openData, openLegacy}
	for _, make := range makers {
		door, err := make(v)
		if err != nil {
			return nil, errors.Join(err, closeDoors(doors))
		}
		if door != nil {
			doors = append(doors, door)
		}
	}
	return doors, nil
}

// closeDoors ends what the doors run by themselves.
func closeDoors(doors []*httpDoor) error {
	var all []error
	for _, door := range doors {
		if door.close != nil {
			all = append(all, door.close())
		}
	}
	return errors.Join(all...)
}
