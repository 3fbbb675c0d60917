//! Runs templates.

use super::functions::{self, Arguments};
use super::scope::TemplateScope;
use super::tree::{Operand, Piped, TemplateCommand, TemplateNode};
use super::value::TemplateValue;
use serde_json::Value as Json;

/// Maximum length of the output, the same as that of a line.
const OUT_BYTES_MAX: usize = 1 << 20;

pub(super) fn run(nodes: &[TemplateNode], scope: &TemplateScope<'_>) -> Result<String, String> {
    let mut runner = Runner {
        scope,
        variables: Vec::new(),
        dots: Vec::new(),
        out: String::new(),
    };
    runner.nodes(nodes)?;
    Ok(runner.out)
}

struct Runner<'s> {
    scope: &'s TemplateScope<'s>,
    variables: Vec<(String, TemplateValue)>,
    /// The dots of `with` and `range`; without one, the dot is the labels.
    dots: Vec<TemplateValue>,
    out: String,
}

impl Runner<'_> {
    fn nodes(&mut self, nodes: &[TemplateNode]) -> Result<(), String> {
        nodes.iter().try_for_each(|node| self.node(node))
    }

    fn write(&mut self, text: &str) -> Result<(), String> {
        if self.out.len() + text.len() > OUT_BYTES_MAX {
            return Err(format!("the result is longer than {OUT_BYTES_MAX} bytes"));
        }
        self.out.push_str(text);
        Ok(())
    }

    fn node(&mut self, node: &TemplateNode) -> Result<(), String> {
        match node {
            TemplateNode::Text(text) => self.write(text),
            TemplateNode::Print(piped) => {
                let value = self.piped(piped)?;
                self.write(&value.to_string())
            }
            TemplateNode::Set(name, piped) => {
                let value = self.piped(piped)?;
                match self.variables.iter_mut().rev().find(|(of, _)| of == name) {
                    Some((_, old)) => *old = value,
                    None => self.variables.push((name.clone(), value)),
                }
                Ok(())
            }
            TemplateNode::If {
                is_with,
                condition,
                then,
                otherwise,
            } => {
                let value = self.piped(condition)?;
                if !value.is_true() {
                    return self.nodes(otherwise);
                }
                if !is_with {
                    return self.nodes(then);
                }
                self.dots.push(value);
                let result = self.nodes(then);
                self.dots.pop();
                result
            }
            TemplateNode::Range {
                list,
                body,
                otherwise,
            } => self.range(list, body, otherwise),
        }
    }

    /// The list may end with the variables that are set to its members.
    fn range(
        &mut self,
        list: &Piped,
        body: &[TemplateNode],
        otherwise: &[TemplateNode],
    ) -> Result<(), String> {
        let is_variable = |command: &&TemplateCommand| matches!(command, TemplateCommand::Operand(Operand::Variable(_, path)) if path.is_empty());
        let count = list.0.iter().skip(1).rev().take_while(is_variable).count();
        let (commands, variables) = list
            .0
            .split_at_checked(list.0.len() - count)
            .unwrap_or((&list.0, &[]));
        let names: Vec<&String> = variables
            .iter()
            .filter_map(|command| match command {
                TemplateCommand::Operand(Operand::Variable(name, _)) => Some(name),
                _ => None,
            })
            .collect();
        let members: Vec<(TemplateValue, TemplateValue)> = match self.commands(commands)? {
            TemplateValue::Json(Json::Array(list)) => {
                let numbered = (0..)
                    .map(TemplateValue::Int)
                    .zip(list.iter().map(TemplateValue::of_json));
                numbered.collect()
            }
            TemplateValue::Json(Json::Object(map)) => map
                .iter()
                .map(|(key, value)| {
                    (
                        TemplateValue::Text(key.clone()),
                        TemplateValue::of_json(value),
                    )
                })
                .collect(),
            TemplateValue::Nothing => Vec::new(),
            other => return Err(format!("range can't iterate over {other}")),
        };
        if members.is_empty() {
            return self.nodes(otherwise);
        }
        let depth = self.variables.len();
        for (key, value) in members {
            match names.as_slice() {
                [one] => self.variables.push(((*one).clone(), value.clone())),
                [first, second] => {
                    self.variables.push(((*first).clone(), key));
                    self.variables.push(((*second).clone(), value.clone()));
                }
                _ => {}
            }
            self.dots.push(value);
            let result = self.nodes(body);
            self.dots.pop();
            self.variables.truncate(depth);
            result?;
        }
        Ok(())
    }

    fn piped(&mut self, piped: &Piped) -> Result<TemplateValue, String> {
        self.commands(&piped.0)
    }

    fn commands(&mut self, commands: &[TemplateCommand]) -> Result<TemplateValue, String> {
        let mut last: Option<TemplateValue> = None;
        for command in commands {
            last = Some(match command {
                TemplateCommand::Operand(Operand::Function(name)) => {
                    self.call(name, &[], last.take())?
                }
                TemplateCommand::Call(name, operands) => self.call(name, operands, last.take())?,
                TemplateCommand::Operand(_) if last.is_some() => {
                    return Err("non executable command in pipeline".to_owned());
                }
                TemplateCommand::Operand(operand) => self.operand(operand)?,
            });
        }
        Ok(last.unwrap_or(TemplateValue::Nothing))
    }

    fn call(
        &mut self,
        name: &str,
        operands: &[Operand],
        last: Option<TemplateValue>,
    ) -> Result<TemplateValue, String> {
        // `and` and `or` end with the first argument that decides.
        if matches!(name, "and" | "or") {
            return self.decide(name == "and", operands, last);
        }
        let mut values = Vec::with_capacity(operands.len() + 1);
        for operand in operands {
            values.push(self.operand(operand)?);
        }
        values.extend(last);
        functions::call(name, &Arguments(values), self.scope)
            .map_err(|reason| format!("error calling {name}: {reason}"))
    }

    fn decide(
        &mut self,
        is_and: bool,
        operands: &[Operand],
        last: Option<TemplateValue>,
    ) -> Result<TemplateValue, String> {
        let mut value = TemplateValue::Nothing;
        for operand in operands {
            value = self.operand(operand)?;
            if value.is_true() != is_and {
                return Ok(value);
            }
        }
        Ok(last.unwrap_or(value))
    }

    fn operand(&mut self, operand: &Operand) -> Result<TemplateValue, String> {
        Ok(match operand {
            Operand::Text(text) => TemplateValue::Text(text.clone()),
            Operand::Int(number) => TemplateValue::Int(*number),
            Operand::Float(number) => TemplateValue::Float(*number),
            Operand::Bool(is_true) => TemplateValue::Bool(*is_true),
            Operand::Dot => self.dots.last().cloned().unwrap_or_else(|| self.labels()),
            Operand::Field(path) => match (self.dots.last(), path.as_slice()) {
                (Some(dot), path) => within(dot.clone(), path),
                (None, [label]) => {
                    TemplateValue::Text(self.scope.labels.get(label).unwrap_or_default().to_owned())
                }
                (None, path) => within(self.labels(), path),
            },
            Operand::Variable(name, path) => {
                let found = self.variables.iter().rev().find(|(of, _)| of == name);
                let value = match found {
                    Some((_, value)) => value.clone(),
                    None if name.is_empty() => self.labels(),
                    None => return Err(format!("undefined variable \"${name}\"")),
                };
                within(value, path)
            }
            Operand::Group(piped, path) => within(self.piped(piped)?, path),
            Operand::Function(name) => self.call(name, &[], None)?,
        })
    }

    /// All labels as an object.
    fn labels(&self) -> TemplateValue {
        let labels = self.scope.labels.iter();
        let pairs = labels.map(|label| {
            (
                label.name.to_string(),
                Json::String(label.value.to_string()),
            )
        });
        TemplateValue::Json(Json::Object(pairs.collect()))
    }
}

fn within(value: TemplateValue, path: &[String]) -> TemplateValue {
    path.iter().fold(value, |value, name| value.field(name))
}
