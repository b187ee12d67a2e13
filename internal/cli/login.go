package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
)

const loginLong = `Log in to Pixiv. The login is kept in the data folder, readable by its owner
only, and renews itself; once is enough.

Without flags you log in with a browser: the command shows an address and
takes the answer of Pixiv back. With a refresh token, from an earlier login or
another program, no browser is needed:

  --refresh-token -        asks for it without showing it, or reads it from a pipe
  --refresh-token-file F   reads it from a file
  PIXIVOC_REFRESH_TOKEN    takes it from the environment
  --refresh-token VALUE    takes it from the command line, where other users of
                           the machine can see it

Pixiv has refused logins by password since 2021.`

func (a *app) loginCommand() *cobra.Command {
	var token, file string
	cmd := &cobra.Command{
		Use:   "login [flags]",
		Short: "Log in to Pixiv, with a browser or a refresh token",
		Long:  loginLong,
		Example: `  pixivoc login
  pixivoc login --refresh-token -
  pixivoc login --refresh-token-file token.txt`,
		Args: noArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			given, err := a.refreshToken(token, file)
			if err != nil {
				return err
			}
			return a.with(cmd.Context(), true, func(s *session) error {
				return a.login(cmd.Context(), s.client, given)
			})
		},
	}
	cmd.Flags().StringVar(&token, "refresh-token", "", "refresh `token`; - asks for it")
	cmd.Flags().StringVar(&file, "refresh-token-file", "", "`file` that holds the refresh token")
	cmd.MarkFlagsMutuallyExclusive("refresh-token", "refresh-token-file")
	return onRoad(cmd)
}

const tokenVariable = "PIXIVOC_REFRESH_TOKEN"

// refreshToken returns the token that flags or the environment name, "" for
// none.
func (a *app) refreshToken(value, file string) (string, error) {
	source := "--refresh-token"
	switch {
	case value == "-":
		line, err := a.askSecret("Refresh token (it is not shown): ")
		if err != nil {
			return "", err
		}
		value = line
	case value != "":
	case file != "":
		raw, err := readSmall(file)
		if err != nil {
			return "", fmt.Errorf("--refresh-token-file: %w", err)
		}
		value, source = raw, "--refresh-token-file"
	case a.environ[tokenVariable] != "":
		value, source = a.environ[tokenVariable], tokenVariable
	default:
		return "", nil
	}
	token, err := pixiv.ParseRefreshToken(value)
	if err != nil {
		return "", fmt.Errorf("%s: %w", source, err)
	}
	return token, nil
}

// readSmall reads a file that should hold little.
func readSmall(name string) (string, error) {
	const limit = 1 << 20
	file, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	raw, err := io.ReadAll(io.LimitReader(file, limit))
	return string(raw), err
}

func (a *app) login(ctx context.Context, client pixivoc.Client, token string) error {
	if token == "" {
		return a.browserLogin(ctx, client)
	}
	return a.tokenLogin(ctx, client, token)
}

func (a *app) tokenLogin(ctx context.Context, client pixivoc.Client, token string) error {
	account, err := client.Login(ctx, pixivoc.RefreshToken(token))
	if err != nil {
		return fmt.Errorf("login: %w", err)
	}
	return a.welcome(account)
}

func (a *app) welcome(account pixivoc.Account) error {
	return a.print(fmt.Sprintf("Logged in as %s.\n", accountText(account)))
}

func accountText(account pixivoc.Account) string {
	text := printable(account.Name)
	if account.Account != "" {
		text += " (" + printable(account.Account) + ")"
	}
	if account.ID != "" {
		text += ", id " + printable(account.ID)
	}
	if account.Premium {
		text += ", premium"
	}
	return text
}

const browserSteps = `Log in to Pixiv with a browser:

  1. Open a new tab, open its developer tools there (F12), and choose "Network".
  2. In that tab, open this address and log in:

     %s

  3. At the end the tab stays empty: Pixiv leads to an address that only its app
     understands. In the list of the network tab, find the line "callback?state=..."
     and copy its address. The code in it is good for half a minute.
  4. Paste it here, the whole address or only the code, and press enter.
`

// browserLogin logs in with the authorization code that a browser brings back.
func (a *app) browserLogin(ctx context.Context, client pixivoc.Client) error {
	begun := pixiv.NewLogin()
	a.console.printf(browserSteps, begun.URL)
	for {
		line, err := a.askLine("Address or code: ")
		if err != nil {
			return advise(err, "Without a browser: pixivoc login --refresh-token -")
		}
		if line == "" {
			continue
		}
		grant, err := begun.Grant(line)
		if err != nil {
			a.console.printf("What was pasted %s.", reasonText(err))
			continue
		}
		account, err := client.Login(ctx, grant)
		if err != nil {
			return fmt.Errorf("login: %w", err)
		}
		return a.welcome(account)
	}
}

// ensureLogin makes sure that somebody is logged in, with the refresh token of
// the environment if need be.
func (a *app) ensureLogin(ctx context.Context, client pixivoc.Client) error {
	_, err := client.Account()
	if !errors.Is(err, pixivoc.ErrNoToken) {
		return err
	}
	token, wrong := a.refreshToken("", "")
	switch {
	case wrong != nil:
		return wrong
	case token == "":
		return err
	}
	account, err := client.Login(ctx, pixivoc.RefreshToken(token))
	if err != nil {
		return fmt.Errorf("login with %s: %w", tokenVariable, err)
	}
	if !a.set.quiet {
		a.console.printf("Logged in as %s.", accountText(account))
	}
	return nil
}

func (a *app) whoamiCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "whoami",
		Short:   "Show who is logged in",
		Long:    "Show who is logged in. Pixiv is not asked, so a login that it has ended since is\nshown too. The exit code is 1 when nobody is logged in.",
		Example: "  pixivoc whoami",
		Args:    noArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), true, func(s *session) error {
				account, err := s.client.Account()
				switch {
				case err != nil:
					return err
				case asJSON:
					return a.printJSON(account)
				}
				return a.print(accountText(account) + "\n")
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object")
	return cmd
}

func (a *app) logoutCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "logout",
		Short:   "Forget the login",
		Long:    "Forget the login. Tasks and files stay. The refresh token stays valid at Pixiv;\na change of the password there ends it.",
		Example: "  pixivoc logout",
		Args:    noArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), true, func(s *session) error {
				was, err := s.client.Logout(cmd.Context())
				if err != nil {
					return fmt.Errorf("logout: %w", err)
				}
				if !was {
					return a.print("Nobody was logged in.\n")
				}
				return a.print("Logged out.\n")
			})
		},
	}
}
