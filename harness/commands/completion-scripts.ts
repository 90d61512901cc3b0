// Decides how bash, zsh and fish ask for what fits. Text alone; each uses the `assay` on the PATH, else the one of the project in which the
// prompt stands.

const bash = `# Completion of assay for bash: source <(assay completion bash)
_assay() {
  local program line
  program=$(type -P assay) || program=node_modules/.bin/assay
  COMPREPLY=()
  [ -x "$program" ] || return 0
  while IFS= read -r line; do
    if [ "$line" = :files ]; then compopt -o default; COMPREPLY=(); return 0; fi
    COMPREPLY+=("\${line%%$'\\t'*}")
  done < <("$program" complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _assay assay
`;

const zsh = `#compdef assay
# Completion of assay for zsh: source <(assay completion zsh), after compinit; or as a file _assay in a directory of $fpath
_assay() {
  local program=\${commands[assay]:-node_modules/.bin/assay} line
  local -a offered
  [[ -x $program ]] || return 1
  for line in "\${(@f)$($program complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ -z $line ]] && continue
    if [[ $line == :files ]]; then _files; return; fi
    offered+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  (( $#offered )) && _describe -V assay offered
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _assay "$@"; else compdef _assay assay; fi
`;

const fish = `# Completion of assay for fish: assay completion fish | source
function __assay_offers
    set -l program (command -s assay; or echo node_modules/.bin/assay)
    test -x $program; or return
    set -l typed (commandline -opc) (commandline -ct)
    set -l offered ($program complete -- $typed[2..-1] 2>/dev/null)
    if test "$offered[1]" = :files
        __fish_complete_path (commandline -ct)
    else
        printf '%s\\n' $offered
    end
end
complete -c assay -f -k -a '(__assay_offers)'
`;

/** What each shell is to read. */
export const completionScripts: Readonly<Record<string, string>> = { bash, zsh, fish };
