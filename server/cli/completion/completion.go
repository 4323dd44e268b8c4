package completion

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"dochook/server/cli"
	"dochook/server/cli/terminal"
)

// Completion prints the script of a shell.
type Completion struct {
	Shell string `arg:"" help:"bash, zsh or fish." enum:"bash,zsh,fish"`
}

// Help says what to do with it.
func (*Completion) Help() string {
	return `bash: dochook completion bash > /etc/bash_completion.d/dochook, or: source <(dochook completion bash)
zsh:  dochook completion zsh > "${fpath[1]}/_dochook"
fish: dochook completion fish > ~/.config/fish/completions/dochook.fish`
}

// Run prints it; with --json it is the grammar that the scripts are made from.
func (c *Completion) Run(parsed *kong.Context, g *cli.Globals, s *cli.Streams) error {
	verbs := grammar(parsed.Model)
	if g.JSON {
		return terminal.PrintJSON(s.Out, verbs)
	}
	text := ""
	switch c.Shell {
	case "bash":
		text = bash(verbs)
	case "zsh": // it runs what is made for bash
		text = "#compdef dochook\n# Made by: dochook completion zsh\nautoload -U +X bashcompinit && bashcompinit\n" + bash(verbs)
	case "fish":
		text = fish(verbs)
	}
	_, err := io.WriteString(s.Out, text)
	return err
}

// verb is a verb, or what stands before one.
type verb struct {
	Path  string   `json:"verb"` // "jobs list"; "" = the program
	Help  string   `json:"help"`
	Verbs []choice `json:"verbs"`
	Flags []flag   `json:"flags"`
	Words []string `json:"words"` // what an argument may be; none = files
}

// choice is a verb that may follow.
type choice struct {
	Name string `json:"name"`
	Help string `json:"help"`
}

type flag struct {
	Name   string   `json:"name"` // with its dashes
	Help   string   `json:"help"`
	Valued bool     `json:"valued"` // a value follows
	Values []string `json:"values"` // the only ones; none = any
}

// grammar lists the verbs, those before which others stand first.
func grammar(app *kong.Application) []verb {
	var out []verb
	var walk func(n *kong.Node, path string, inherited []*kong.Flag)
	walk = func(n *kong.Node, path string, inherited []*kong.Flag) {
		known := slices.Concat(inherited, n.Flags)
		v := verb{Path: path, Help: n.Help, Verbs: []choice{}, Flags: flags(known), Words: []string{}}
		if n.DefaultCmd != nil { // its flags may stand without its name
			v.Flags = flags(slices.Concat(known, n.DefaultCmd.Flags))
		}
		for _, p := range n.Positional {
			v.Words = append(v.Words, values(p)...)
		}
		var below []*kong.Node
		for _, child := range n.Children {
			if child.Type == kong.CommandNode && !child.Hidden {
				v.Verbs = append(v.Verbs, choice{child.Name, child.Help})
				below = append(below, child)
			}
		}
		out = append(out, v)
		for _, child := range below {
			walk(child, strings.TrimSpace(path+" "+child.Name), known)
		}
	}
	walk(app.Node, "", nil)
	return out
}

func flags(list []*kong.Flag) []flag {
	out := []flag{}
	for _, f := range list {
		if !f.Hidden {
			out = append(out, flag{Name: "--" + f.Name, Help: f.Help, Valued: !f.IsBool(), Values: values(f.Value)})
		}
	}
	return out
}

func values(v *kong.Value) []string {
	out := []string{}
	if v.Enum == "" {
		return out
	}
	for _, word := range v.EnumSlice() {
		if word != "" {
			out = append(out, word)
		}
	}
	return out
}

// names are the words to choose from: verbs or else arguments, and flags.
func (v *verb) names() (words, flags, valued []string) {
	for _, c := range v.Verbs {
		words = append(words, c.Name)
	}
	words = append(words, v.Words...)
	for _, f := range v.Flags {
		flags = append(flags, f.Name)
		if f.Valued {
			valued = append(valued, f.Name)
		}
	}
	return words, flags, valued
}

const bashBegin = `# bash completion of dochook. Made by: dochook completion bash

# What may follow a verb: words, flags, and which of these take a value.
_dochook_after() {
	words='' flags='' valued=''
	case "$1" in
`

const bashValues = `	esac
}

# The values of a flag of a verb.
_dochook_values() {
	case "$1 $2" in
`

const bashEnd = `	esac
}

_dochook() {
	local cur="${COMP_WORDS[COMP_CWORD]}" path='' flag='' i=1 word next words flags valued
	_dochook_after ''
	while [ "$i" -lt "$COMP_CWORD" ]; do
		word="${COMP_WORDS[i]}"
		i=$((i + 1))
		case "$word" in
		-*)
			case " $valued " in
			*" $word "*) # its value is the next word, or the one after a =
				if [ "$i" -lt "$COMP_CWORD" ] && [ "${COMP_WORDS[i]}" = '=' ]; then i=$((i + 1)); fi
				if [ "$i" -ge "$COMP_CWORD" ]; then flag="$word"; fi
				i=$((i + 1))
				;;
			esac
			;;
		*)
			case " $words " in
			*" $word "*)
				next="${path:+$path }$word"
				_dochook_after "$next"
				if [ -n "$flags" ]; then path="$next"; else _dochook_after "$path"; fi
				;;
			esac
			;;
		esac
	done
	COMPREPLY=()
	case "$cur" in
	'=') cur='' ;;
	--*=*) # where words are not parted at =
		flag="${cur%%=*}"
		COMPREPLY=($(compgen -P "$flag=" -W "$(_dochook_values "$path" "$flag")" -- "${cur#*=}"))
		return
		;;
	esac
	if [ -n "$flag" ]; then
		COMPREPLY=($(compgen -W "$(_dochook_values "$path" "$flag")" -- "$cur"))
		return
	fi
	case "$cur" in
	-*) COMPREPLY=($(compgen -W "$flags" -- "$cur")) ;;
	*) COMPREPLY=($(compgen -W "$words" -- "$cur")) ;;
	esac
}

# Where there is nothing to propose it is files.
complete -o default -F _dochook dochook
`

// bash has tables of what follows what, and one function that looks into them.
func bash(verbs []verb) string {
	var b strings.Builder
	b.WriteString(bashBegin)
	for i := range verbs {
		words, flags, valued := verbs[i].names()
		fmt.Fprintf(&b, "\t'%s') words='%s' flags='%s' valued='%s' ;;\n", verbs[i].Path, strings.Join(words, " "), strings.Join(flags, " "), strings.Join(valued, " "))
	}
	b.WriteString(bashValues)
	for i := range verbs {
		for _, f := range verbs[i].Flags {
			if len(f.Values) > 0 {
				fmt.Fprintf(&b, "\t'%s %s') echo '%s' ;;\n", verbs[i].Path, f.Name, strings.Join(f.Values, " "))
			}
		}
	}
	b.WriteString(bashEnd)
	return b.String()
}

// fish is told of each verb and flag, and when it may be proposed.
func fish(verbs []verb) string {
	var b strings.Builder
	b.WriteString("# fish completion of dochook. Made by: dochook completion fish\n\ncomplete -c dochook -e\n")
	for i := range verbs {
		v := &verbs[i]
		when := "__fish_use_subcommand"
		if v.Path != "" {
			var seen []string
			for word := range strings.FieldsSeq(v.Path) {
				seen = append(seen, "__fish_seen_subcommand_from "+word)
			}
			when = strings.Join(seen, "; and ")
		}
		if len(v.Verbs) > 0 {
			words, _, _ := v.names()
			among := when
			if v.Path != "" {
				among += "; and not __fish_seen_subcommand_from " + strings.Join(words, " ")
			}
			for _, c := range v.Verbs {
				fmt.Fprintf(&b, "complete -c dochook -f -n %s -a %s -d %s\n", quote(among), c.Name, quote(c.Help))
			}
		}
		if len(v.Words) > 0 {
			fmt.Fprintf(&b, "complete -c dochook -f -n %s -a %s\n", quote(when), quote(strings.Join(v.Words, " ")))
		}
		for _, f := range v.Flags {
			fmt.Fprintf(&b, "complete -c dochook -n %s -l %s", quote(when), strings.TrimPrefix(f.Name, "--"))
			switch {
			case len(f.Values) > 0:
				fmt.Fprintf(&b, " -x -a %s", quote(strings.Join(f.Values, " ")))
			case f.Valued:
				b.WriteString(" -r")
			}
			fmt.Fprintf(&b, " -d %s\n", quote(f.Help))
		}
	}
	return b.String()
}

// quote makes one word of a text, as fish reads it.
func quote(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(strings.Join(strings.Fields(text), " ")) + "'"
}
