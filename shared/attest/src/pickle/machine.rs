use std::{collections::HashMap, io::Read, rc::Rc};

use super::{
    PickleError, globals,
    object::{Object, Objects, Ref},
    opcodes as op, rebuild,
    source::Source,
};

/// Objects on the stack at most, and marks on it: writers put a thousand there at a time.
const MAX_STACK: usize = 1 << 20;
/// Bytes that an entry of the memo takes, about.
const MEMO_BYTES: usize = 32;

/// Runs the few instructions of Python's pickle machine (protocols 2 to 5) that weights need.
pub(super) struct Machine<R> {
    source: Source<R>,
    objects: Objects,
    stack: Vec<Ref>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: HashMap<u64, Ref>,
}

impl<R: Read> Machine<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            source: Source::new(reader),
            objects: Objects::default(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
        }
    }

    pub(super) fn objects(&self) -> &Objects {
        &self.objects
    }

    pub(super) fn into_objects(self) -> Objects {
        self.objects
    }

    /// Bytes read so far.
    pub(super) fn position(&self) -> u64 {
        self.source.position()
    }

    /// Runs one pickle to its end; gives what it leaves. The next one has a memo of its own.
    pub(super) fn run(&mut self) -> Result<Ref, PickleError> {
        self.stack.clear();
        self.marks.clear();
        self.memo.clear();
        loop {
            let code = self.source.byte()?;
            if code == op::STOP {
                return self.pop();
            }
            self.objects.allow(self.source.position());
            self.step(code)?;
        }
    }

    fn step(&mut self, code: u8) -> Result<(), PickleError> {
        match code {
            op::PROTO => match self.source.byte()? {
                2..=5 => Ok(()),
                other => Err(PickleError::malformed(format!("pickle protocol {other}"))),
            },
            op::FRAME => self.source.bytes(8).map(|_| ()),
            op::MARK => {
                fits(&self.marks)?;
                self.marks.push(self.stack.len());
                Ok(())
            }
            op::POP => self.pop().map(|_| ()),
            op::NONE => self.push(Object::Nothing),
            op::NEWTRUE => self.push(Object::Bool(true)),
            op::NEWFALSE => self.push(Object::Bool(false)),
            op::BINFLOAT => self
                .source
                .bytes(8)
                .and_then(|_| self.push(Object::Nothing)),
            op::BININT | op::BININT1 | op::BININT2 | op::LONG1 => self.integer(code),
            op::BINUNICODE | op::SHORT_BINUNICODE | op::BINUNICODE8 => self.text(code),
            op::EMPTY_TUPLE => self.push(Object::Tuple(Vec::new())),
            op::TUPLE1 => self.tuple_of(1),
            op::TUPLE2 => self.tuple_of(2),
            op::TUPLE3 => self.tuple_of(3),
            op::TUPLE => {
                let items = self.since_mark()?;
                self.push(Object::Tuple(items))
            }
            op::EMPTY_LIST => self.push(Object::List(Vec::new())),
            op::EMPTY_DICT => self.push(Object::Dict(Vec::new())),
            op::APPEND => {
                let item = self.pop()?;
                self.extend(vec![item])
            }
            op::APPENDS => self.since_mark().and_then(|items| self.extend(items)),
            op::SETITEM => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set(&[key, value])
            }
            op::SETITEMS => self.since_mark().and_then(|items| self.set(&items)),
            op::BINPUT | op::LONG_BINPUT | op::MEMOIZE => self.memoize(code),
            op::BINGET | op::LONG_BINGET => self.recall(code),
            op::GLOBAL | op::STACK_GLOBAL => self.global(code),
            op::BINPERSID => {
                let id = self.pop()?;
                let storage = rebuild::storage(&self.objects, id)?;
                self.push(Object::Storage(Rc::new(storage)))
            }
            op::REDUCE => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                let made = rebuild::call(&self.objects, function, arguments)?;
                self.push(made)
            }
            op::BUILD => self.build(),
            other => Err(PickleError::malformed(format!(
                "the pickle instruction {other:#04x}, which no weights need"
            ))),
        }
    }

    fn integer(&mut self, code: u8) -> Result<(), PickleError> {
        let number = match code {
            op::BININT => i64::from(self.source.little(4)? as u32 as i32),
            op::BININT1 => i64::from(self.source.byte()?),
            op::BININT2 => i64::from(self.source.little(2)? as u16),
            _ => {
                let count = usize::from(self.source.byte()?);
                // Longer ones occur in the older form, as a magic number, and are of no other use.
                if count > 8 {
                    self.source.bytes(count as u64)?;
                    return self.push(Object::Nothing);
                }
                let raw = self.source.little(count)?;
                let unused = 64 - 8 * count as u32;
                if count == 0 {
                    0
                } else {
                    ((raw << unused) as i64) >> unused
                }
            }
        };
        self.push(Object::Int(number))
    }

    fn text(&mut self, code: u8) -> Result<(), PickleError> {
        let count = match code {
            op::SHORT_BINUNICODE => u64::from(self.source.byte()?),
            op::BINUNICODE => self.source.little(4)?,
            _ => self.source.little(8)?,
        };
        let bytes = self.source.bytes(count)?;
        let text = String::from_utf8(bytes)
            .map_err(|_| PickleError::malformed("a text that is not UTF-8"))?;
        self.objects.allow(self.source.position());
        self.push(Object::Text(text))
    }

    fn tuple_of(&mut self, count: usize) -> Result<(), PickleError> {
        let at = self.stack.len().checked_sub(count).ok_or_else(empty)?;
        let items = self.stack.split_off(at);
        self.push(Object::Tuple(items))
    }

    fn extend(&mut self, items: Vec<Ref>) -> Result<(), PickleError> {
        self.objects.charge(size_of_val(items.as_slice()))?;
        match self.objects.get_mut(self.top()?)? {
            Object::List(list) => list.extend(items),
            _ => return Err(PickleError::malformed("items for what is no list")),
        }
        Ok(())
    }

    fn set(&mut self, items: &[Ref]) -> Result<(), PickleError> {
        self.objects.charge(size_of_val(items))?;
        let (pairs, rest) = items.as_chunks::<2>();
        match self.objects.get_mut(self.top()?)? {
            Object::Dict(members) if rest.is_empty() => {
                members.extend(pairs.iter().map(|[key, value]| (*key, *value)));
                Ok(())
            }
            _ => Err(PickleError::malformed("members for what is no dictionary")),
        }
    }

    fn memoize(&mut self, code: u8) -> Result<(), PickleError> {
        let at = match code {
            op::BINPUT => u64::from(self.source.byte()?),
            op::LONG_BINPUT => self.source.little(4)?,
            _ => self.memo.len() as u64,
        };
        let top = self.top()?;
        if self.memo.insert(at, top).is_none() {
            self.objects.charge(MEMO_BYTES)?;
        }
        Ok(())
    }

    fn recall(&mut self, code: u8) -> Result<(), PickleError> {
        let at = if code == op::BINGET {
            u64::from(self.source.byte()?)
        } else {
            self.source.little(4)?
        };
        let object = self.memo.get(&at).copied();
        let object = object.ok_or_else(|| PickleError::malformed("a memo that is not there"))?;
        fits(&self.stack)?;
        self.stack.push(object);
        Ok(())
    }

    fn global(&mut self, code: u8) -> Result<(), PickleError> {
        let found = if code == op::GLOBAL {
            globals::find(&self.source.line()?, &self.source.line()?)?
        } else {
            let (name, module) = (self.pop()?, self.pop()?);
            globals::find(self.objects.text(module)?, self.objects.text(name)?)?
        };
        self.push(Object::Global(found))
    }

    /// A dictionary of weights carries attributes (versions of layers), which are of no use here.
    fn build(&mut self) -> Result<(), PickleError> {
        self.pop()?;
        match self.objects.get(self.top()?)? {
            Object::Dict(_) => Ok(()),
            _ => Err(PickleError::malformed("a state for what is no dictionary")),
        }
    }

    fn push(&mut self, object: Object) -> Result<(), PickleError> {
        let at = self.objects.add(object)?;
        fits(&self.stack)?;
        self.stack.push(at);
        Ok(())
    }

    fn pop(&mut self) -> Result<Ref, PickleError> {
        self.stack.pop().ok_or_else(empty)
    }

    fn top(&self) -> Result<Ref, PickleError> {
        self.stack.last().copied().ok_or_else(empty)
    }

    fn since_mark(&mut self) -> Result<Vec<Ref>, PickleError> {
        let at = self
            .marks
            .pop()
            .filter(|at| *at <= self.stack.len())
            .ok_or_else(empty)?;
        Ok(self.stack.split_off(at))
    }
}

/// Whether one more may be put there.
fn fits<T>(stack: &[T]) -> Result<(), PickleError> {
    if stack.len() < MAX_STACK {
        Ok(())
    } else {
        Err(PickleError::malformed(
            "more on the stack than any writer puts there",
        ))
    }
}

fn empty() -> PickleError {
    PickleError::malformed("the pickle takes more than it has put there")
}
