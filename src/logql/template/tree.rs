//! The syntax tree of a template.

/// A node of a template.
#[derive(Debug, Clone)]
pub(super) enum TemplateNode {
    Text(String),
    Print(Piped),
    Set(String, Piped),
    If {
        /// Whether the value becomes the dot.
        is_with: bool,
        condition: Piped,
        then: Vec<TemplateNode>,
        otherwise: Vec<TemplateNode>,
    },
    Range {
        list: Piped,
        body: Vec<TemplateNode>,
        otherwise: Vec<TemplateNode>,
    },
}

/// Commands, each of which receives the result of the one before it.
#[derive(Debug, Clone)]
pub(super) struct Piped(pub(super) Vec<TemplateCommand>);

/// An operand, or a function and its arguments.
#[derive(Debug, Clone)]
pub(super) enum TemplateCommand {
    Operand(Operand),
    Call(String, Vec<Operand>),
}

#[derive(Debug, Clone)]
pub(super) enum Operand {
    Text(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    /// The dot.
    Dot,
    /// `.a.b`
    Field(Vec<String>),
    /// `$a.b`
    Variable(String, Vec<String>),
    /// `(...)`, and fields of its value.
    Group(Box<Piped>, Vec<String>),
    /// A function without arguments.
    Function(String),
}
