package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pixivoc/pixivoc"
)

// examineHere looks at what is on this machine. The environment is the one in
// force for this run.
func (a *app) examineHere(ctx context.Context) ([]finding, pixivoc.Env, error) {
	patch, err := a.set.override()
	if err != nil {
		return nil, pixivoc.Env{}, err
	}
	env, findings := pixivoc.DefaultEnv(), []finding{}
	folder, err := a.dataFolder()
	if err != nil {
		return nil, env, err
	}
	if _, missing := os.Stat(folder); errors.Is(missing, fs.ErrNotExist) {
		findings = append(findings, finding{What: "data folder", OK: true, Detail: folder + " will be made", Help: "to log in: pixivoc login"}, a.examineSave())
		env, err = env.Apply(patch)
		return findings, env, err
	}
	err = a.with(ctx, false, func(s *session) error {
		env = s.client.Env()
		findings = append(findings, finding{What: "data folder", OK: true, Detail: folder}, examineLogin(s.client))
		return nil
	})
	switch {
	case errors.Is(err, pixivoc.ErrStoreLocked):
		findings = append(findings, finding{
			What: "data folder", OK: true, Detail: folder + " is in use, by a daemon perhaps; its settings are not looked at",
			Help: "to work with the daemon: --remote 127.0.0.1:13575",
		})
	case err != nil:
		findings = append(findings, finding{What: "data folder", Detail: shortCause(err), Help: strings.Join(advice(err), " ")})
	}
	findings = append(findings, a.examineSave())
	env, err = env.Apply(patch)
	return findings, env, err
}

func examineLogin(client pixivoc.Client) finding {
	account, err := client.Account()
	if err != nil {
		return finding{What: "login", OK: true, Detail: "nobody is logged in", Help: "to log in: pixivoc login"}
	}
	return finding{What: "login", OK: true, Detail: accountText(account)}
}

// examineSave looks whether files can be made in the folder to save in, or
// where it would be made.
func (a *app) examineSave() finding {
	f := finding{What: "save folder"}
	folder, err := a.saveFolder()
	if err != nil {
		f.Detail = shortCause(err)
		return f
	}
	f.Detail = folder
	for {
		info, err := os.Stat(folder)
		if err == nil && !info.IsDir() {
			f.Detail, f.Help = folder+" is not a folder", "name another: --save DIR"
			return f
		}
		if parent := filepath.Dir(folder); err != nil && parent != folder {
			folder = parent
			continue
		}
		break
	}
	probe, err := os.CreateTemp(folder, ".pixivoc-doctor-")
	if err != nil {
		f.Detail, f.Help = fmt.Sprintf("nothing can be written in %s: %s", folder, shortCause(err)), "name another: --save DIR"
		return f
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		f.Detail = shortCause(err)
		return f
	}
	f.OK = true
	return f
}

// showFindings shows what was found and what follows from it.
func (a *app) showFindings(findings []finding, inForce pixivoc.ProxyMode, asJSON bool) error {
	if asJSON {
		for _, f := range findings {
			if err := a.printJSON(f); err != nil {
				return err
			}
		}
		return nil
	}
	out := a.screenOf(a.stdout)
	var b strings.Builder
	for _, f := range findings {
		mark, st := "ok    ", styleGreen
		if !f.OK {
			mark, st = "fails ", styleRed
		}
		what := pad(f.What, 12)
		if f.Road != "" {
			what = pad(f.Road, 7) + pad(f.Host, 23)
		}
		fmt.Fprintf(&b, "%s %s %s\n", out.paint(st, mark), what, printable(f.Detail))
		if f.Help != "" {
			fmt.Fprintf(&b, "%s %s\n", strings.Repeat(" ", 6+1+len(what)), out.paint(styleFaint, printable(f.Help)))
		}
	}
	fmt.Fprintf(&b, "\n%s\n", a.verdict(findings, inForce))
	return a.print(b.String())
}

// verdict names the road to take.
func (a *app) verdict(findings []finding, inForce pixivoc.ProxyMode) string {
	works := map[string]bool{}
	for _, f := range findings {
		if f.Road != "" {
			before, seen := works[f.Road]
			works[f.Road] = f.OK && (before || !seen)
		}
	}
	if works[inForce.String()] {
		return fmt.Sprintf("The road in force, %s, works.", inForce)
	}
	for _, mode := range []pixivoc.ProxyMode{pixivoc.ModeDirect, pixivoc.ModeIP, pixivoc.ModeProxy} {
		if works[mode.String()] {
			return fmt.Sprintf("The road in force, %s, does not work; %s does. To use it from now on: pixivoc env set proxy-mode=%s", inForce, mode, mode)
		}
	}
	return "No road works from here. A proxy may: pixivoc doctor --proxy URL"
}
