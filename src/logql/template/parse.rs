//! Parses templates.

use super::functions;
use super::tree::{Operand, Piped, TemplateCommand, TemplateNode};

/// Maximum nesting of branches and parentheses.
const DEPTH_MAX: usize = 50;

/// A piece of a template: text, or the content of `{{` and `}}`.
enum TemplatePiece {
    Text(String),
    Action(Vec<ActionWord>),
}

/// A token of an action.
#[derive(Debug, Clone, PartialEq)]
enum ActionWord {
    Name(String),
    /// `.a.b`, without the first full stop; empty for a single dot.
    Field(Vec<String>),
    Variable(String, Vec<String>),
    Text(String),
    Int(i64),
    Float(f64),
    Sign(char),
    Assign,
    Declare,
}

pub(super) fn parse(text: &str) -> Result<Vec<TemplateNode>, String> {
    let mut parser = TemplateParser {
        pieces: pieces(text)?.into_iter(),
        depth: 0,
    };
    let (nodes, end) = parser.nodes()?;
    match end {
        None => Ok(nodes),
        Some(words) => Err(format!("unexpected {}", first_name(&words))),
    }
}

fn first_name(words: &[ActionWord]) -> String {
    match words.first() {
        Some(ActionWord::Name(name)) => format!("{{{{{name}}}}}"),
        _ => "action".to_owned(),
    }
}

/// Splits a template; `{{-` and `-}}` remove the blanks next to them.
fn pieces(text: &str) -> Result<Vec<TemplatePiece>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    let mut trims = false;
    while let Some((before, action)) = rest.split_once("{{") {
        let before = if trims { before.trim_start() } else { before };
        let trims_before = action.starts_with("- ") || action.starts_with("-\n");
        let before = if trims_before {
            before.trim_end()
        } else {
            before
        };
        pieces.push(TemplatePiece::Text(before.to_owned()));
        let action = if trims_before {
            action.get(1..).unwrap_or_default()
        } else {
            action
        };
        if let Some(comment) = action.trim_start().strip_prefix("/*") {
            let (_, after) = comment.split_once("*/").ok_or("unclosed comment")?;
            let after = after.trim_start();
            trims = after.starts_with('-');
            rest = after
                .trim_start_matches('-')
                .strip_prefix("}}")
                .ok_or("comment ends before closing delimiter")?;
            continue;
        }
        let (words, after, trims_after) = words(action)?;
        pieces.push(TemplatePiece::Action(words));
        (rest, trims) = (after, trims_after);
    }
    let last = if trims { rest.trim_start() } else { rest };
    pieces.push(TemplatePiece::Text(last.to_owned()));
    Ok(pieces)
}

/// The tokens up to `}}`, the text after it, and whether blanks are removed there.
fn words(action: &str) -> Result<(Vec<ActionWord>, &str, bool), String> {
    let mut words = Vec::new();
    let mut rest = action;
    loop {
        let trimmed = rest.trim_start();
        if let Some(after) = trimmed.strip_prefix("}}") {
            return Ok((words, after, false));
        }
        if let Some(after) = trimmed.strip_prefix("-}}") {
            return Ok((words, after, true));
        }
        let Some(first) = trimmed.chars().next() else {
            return Err("unclosed action".to_owned());
        };
        let (word, after) = word(trimmed, first)?;
        words.push(word);
        rest = after;
    }
}

fn word(text: &str, first: char) -> Result<(ActionWord, &str), String> {
    let after = text.get(first.len_utf8()..).unwrap_or_default();
    match first {
        '"' => quoted(text),
        '`' => {
            let (raw, rest) = after
                .split_once('`')
                .ok_or("unterminated raw quoted string")?;
            Ok((ActionWord::Text(raw.to_owned()), rest))
        }
        '(' | ')' | '|' | ',' => Ok((ActionWord::Sign(first), after)),
        ':' => match after.strip_prefix('=') {
            Some(rest) => Ok((ActionWord::Declare, rest)),
            None => Err("expected :=".to_owned()),
        },
        '=' => Ok((ActionWord::Assign, after)),
        '.' if !after.starts_with(|c: char| c.is_ascii_digit()) => {
            let (path, rest) = path(text);
            Ok((ActionWord::Field(path), rest))
        }
        '$' => {
            let (name, rest) = name(after);
            let (path, rest) = if rest.starts_with('.') {
                path(rest)
            } else {
                (Vec::new(), rest)
            };
            Ok((ActionWord::Variable(name.to_owned(), path), rest))
        }
        c if c.is_ascii_digit() || matches!(c, '-' | '+' | '.') => number(text),
        c if c.is_alphabetic() || c == '_' => {
            let (found, rest) = name(text);
            Ok((ActionWord::Name(found.to_owned()), rest))
        }
        c => Err(format!("unexpected {c:?} in command")),
    }
}

fn name(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// `.a.b`; a single dot has an empty path.
fn path(text: &str) -> (Vec<String>, &str) {
    let mut path = Vec::new();
    let mut rest = text;
    while let Some(after) = rest.strip_prefix('.') {
        let (found, next) = name(after);
        if found.is_empty() {
            return (path, after);
        }
        path.push(found.to_owned());
        rest = next;
    }
    (path, rest)
}

fn number(text: &str) -> Result<(ActionWord, &str), String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+' | '_');
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    if let Ok(number) = digits.parse() {
        return Ok((ActionWord::Int(number), rest));
    }
    digits
        .parse()
        .map(|number| (ActionWord::Float(number), rest))
        .map_err(|_| format!("bad number syntax: {digits:?}"))
}

fn quoted(text: &str) -> Result<(ActionWord, &str), String> {
    let mut out = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                return Ok((
                    ActionWord::Text(out),
                    text.get(at + 1..).unwrap_or_default(),
                ));
            }
            '\n' => break,
            '\\' => {
                let (_, escaped) = chars.next().ok_or("unterminated quoted string")?;
                out.push(match escaped {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    '\\' | '"' | '\'' => escaped,
                    'u' => {
                        let digits: String = chars.by_ref().take(4).map(|(_, c)| c).collect();
                        let code = u32::from_str_radix(&digits, 16)
                            .ok()
                            .and_then(char::from_u32);
                        code.ok_or("bad escape")?
                    }
                    other => return Err(format!("bad escape \\{other}")),
                });
            }
            c => out.push(c),
        }
    }
    Err("unterminated quoted string".to_owned())
}

struct TemplateParser {
    pieces: std::vec::IntoIter<TemplatePiece>,
    depth: usize,
}

impl TemplateParser {
    /// Nodes up to the end, or up to an `else` or `end`, whose tokens are returned.
    fn nodes(&mut self) -> Result<(Vec<TemplateNode>, Option<Vec<ActionWord>>), String> {
        let mut nodes = Vec::new();
        while let Some(piece) = self.pieces.next() {
            let words = match piece {
                TemplatePiece::Text(text) => {
                    if !text.is_empty() {
                        nodes.push(TemplateNode::Text(text));
                    }
                    continue;
                }
                TemplatePiece::Action(words) => words,
            };
            match words.as_slice() {
                [ActionWord::Name(name), ..] if name == "end" || name == "else" => {
                    return Ok((nodes, Some(words)));
                }
                [ActionWord::Name(name), condition @ ..] if name == "if" || name == "with" => {
                    nodes.push(self.branch(name == "with", condition)?);
                }
                [ActionWord::Name(name), list @ ..] if name == "range" => {
                    nodes.push(self.range(list)?);
                }
                [
                    ActionWord::Variable(name, path),
                    ActionWord::Declare | ActionWord::Assign,
                    value @ ..,
                ] if path.is_empty() => {
                    nodes.push(TemplateNode::Set(name.clone(), piped(value)?));
                }
                [] => return Err("missing value for command".to_owned()),
                words => nodes.push(TemplateNode::Print(piped(words)?)),
            }
        }
        Ok((nodes, None))
    }

    fn deeper<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, String>,
    ) -> Result<T, String> {
        if self.depth >= DEPTH_MAX {
            return Err(format!("nested more than {DEPTH_MAX} levels deep"));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    fn branch(&mut self, is_with: bool, condition: &[ActionWord]) -> Result<TemplateNode, String> {
        let condition = piped(condition)?;
        let (then, end) = self.deeper(Self::nodes)?;
        Ok(TemplateNode::If {
            is_with,
            condition,
            then,
            otherwise: self.otherwise(end)?,
        })
    }

    /// The part after `else`, up to `end`.
    fn otherwise(&mut self, end: Option<Vec<ActionWord>>) -> Result<Vec<TemplateNode>, String> {
        let words = end.ok_or("unexpected EOF")?;
        match words.as_slice() {
            [ActionWord::Name(name)] if name == "end" => Ok(Vec::new()),
            [ActionWord::Name(name)] if name == "else" => {
                let (nodes, end) = self.deeper(Self::nodes)?;
                match end.as_deref() {
                    Some([ActionWord::Name(name)]) if name == "end" => Ok(nodes),
                    Some(_) => Err("expected end; found {{else}}".to_owned()),
                    None => Err("unexpected EOF".to_owned()),
                }
            }
            [
                ActionWord::Name(name),
                ActionWord::Name(kind),
                condition @ ..,
            ] if name == "else" && (kind == "if" || kind == "with") => {
                let is_with = kind == "with";
                Ok(vec![
                    self.deeper(|parser| parser.branch(is_with, condition))?,
                ])
            }
            words => Err(format!("unexpected words after {}", first_name(words))),
        }
    }

    fn range(&mut self, words: &[ActionWord]) -> Result<TemplateNode, String> {
        let (list, variables) = match words {
            [
                ActionWord::Variable(key, _),
                ActionWord::Sign(','),
                ActionWord::Variable(value, _),
                ActionWord::Declare,
                list @ ..,
            ] => (list, vec![key.clone(), value.clone()]),
            [
                ActionWord::Variable(value, _),
                ActionWord::Declare,
                list @ ..,
            ] => (list, vec![value.clone()]),
            list => (list, Vec::new()),
        };
        let mut list = piped(list)?;
        // The names are appended to the list, as arguments that nothing else can be.
        for name in variables {
            list.0.push(TemplateCommand::Operand(Operand::Variable(
                name,
                Vec::new(),
            )));
        }
        let (body, end) = self.deeper(Self::nodes)?;
        Ok(TemplateNode::Range {
            list,
            body,
            otherwise: self.otherwise(end)?,
        })
    }
}

fn piped(words: &[ActionWord]) -> Result<Piped, String> {
    let mut reader = ActionReader { words, depth: 0 };
    let piped = reader.piped()?;
    match reader.words {
        [] => Ok(piped),
        _ => Err("unexpected right paren".to_owned()),
    }
}

/// Parses the tokens of one action.
struct ActionReader<'w> {
    words: &'w [ActionWord],
    depth: usize,
}

impl ActionReader<'_> {
    fn piped(&mut self) -> Result<Piped, String> {
        let mut commands = vec![self.command()?];
        while let [ActionWord::Sign('|'), rest @ ..] = self.words {
            self.words = rest;
            commands.push(self.command()?);
        }
        Ok(Piped(commands))
    }

    fn command(&mut self) -> Result<TemplateCommand, String> {
        let mut operands = Vec::new();
        while let Some(operand) = self.operand()? {
            operands.push(operand);
        }
        let mut operands = operands.into_iter();
        match (operands.next(), operands.len()) {
            (None, _) => Err("missing value for command".to_owned()),
            (Some(Operand::Function(name)), _) => {
                Ok(TemplateCommand::Call(name, operands.collect()))
            }
            (Some(operand), 0) => Ok(TemplateCommand::Operand(operand)),
            (Some(_), _) => Err("can't give argument to non-function".to_owned()),
        }
    }

    fn operand(&mut self) -> Result<Option<Operand>, String> {
        let [word, rest @ ..] = self.words else {
            return Ok(None);
        };
        let operand = match word {
            ActionWord::Sign('|' | ')') => return Ok(None),
            ActionWord::Sign('(') => return self.group(rest).map(Some),
            ActionWord::Sign(_) | ActionWord::Assign | ActionWord::Declare => {
                return Err("unexpected sign in operand".to_owned());
            }
            ActionWord::Name(name) => match name.as_str() {
                "true" => Operand::Bool(true),
                "false" => Operand::Bool(false),
                "nil" => Operand::Text(String::new()),
                name if functions::exists(name) => Operand::Function(name.to_owned()),
                name => return Err(format!("function \"{name}\" not defined")),
            },
            ActionWord::Field(path) if path.is_empty() => Operand::Dot,
            ActionWord::Field(path) => Operand::Field(path.clone()),
            ActionWord::Variable(name, path) => Operand::Variable(name.clone(), path.clone()),
            ActionWord::Text(text) => Operand::Text(text.clone()),
            ActionWord::Int(number) => Operand::Int(*number),
            ActionWord::Float(number) => Operand::Float(*number),
        };
        self.words = rest;
        Ok(Some(operand))
    }

    /// The path after a parenthesis.
    fn group(&mut self, rest: &[ActionWord]) -> Result<Operand, String> {
        if self.depth >= DEPTH_MAX {
            return Err(format!("nested more than {DEPTH_MAX} levels deep"));
        }
        let mut inner = ActionReader {
            words: rest,
            depth: self.depth + 1,
        };
        let piped = inner.piped()?;
        let left = inner.words.len();
        let used = rest.len() - left;
        let Some([ActionWord::Sign(')'), after @ ..]) = rest.get(used..) else {
            return Err("unclosed left paren".to_owned());
        };
        let (path, after) = match after {
            [ActionWord::Field(path), after @ ..] if !path.is_empty() => {
                (path.clone(), after.len())
            }
            after => (Vec::new(), after.len()),
        };
        let skipped = self.words.len() - after;
        self.words = self.words.get(skipped..).unwrap_or_default();
        Ok(Operand::Group(Box::new(piped), path))
    }
}
