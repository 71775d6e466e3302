"""A `dataclass` decorator that compiles the constructor of a class when the first instance is created.

The standard decorator compiles six functions for each frozen class. kubeque has 200 of these classes, and a command
creates instances of few of them. The standard decorator took 40 % of the start time of a command or a consumer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:
    import dataclasses
    import inspect
    from operator import attrgetter

    def dataclass(*, frozen=False, slots=False, repr=True):
        """Return a decorator with the effect of `dataclasses.dataclass`.

        For a class that is not frozen, return the decorator of the standard library. All frozen classes share one set
        of functions: for comparison, hash, repr and pickling, and for refusing assignments.
        """
        if not frozen:
            return dataclasses.dataclass(slots=slots, repr=repr)

        def decorate(cls):
            own = set(cls.__dict__)
            cls = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots)(cls)
            shared = dict(_SHARED, __init__=_first_init(cls))
            if not repr:
                del shared["__repr__"]
            for name, function in shared.items():
                if name not in own:
                    setattr(cls, name, function)
            return cls

        return decorate

    def _first_init(cls):
        """Return a temporary constructor. Its first call compiles the final constructor, and sets it in the class."""

        def __init__(self, *args, **kwargs):
            _compiled_init(cls)(self, *args, **kwargs)

        return __init__

    def _compiled_init(cls):
        """Set the constructor of a class to the one that `dataclasses` compiles for its fields. Return it."""
        fields = dataclasses.fields(cls)
        body = {field.name: _same_default(field) for field in fields if _has_default(field)}
        body |= {"__annotations__": {field.name: field.type for field in fields}, "__module__": cls.__module__}
        if hasattr(cls, "__post_init__"):
            body["__post_init__"] = cls.__post_init__
        twin = dataclasses.dataclass(frozen=True, eq=False, repr=False)(type(cls.__name__, (), body))
        twin.__init__.__qualname__ = f"{cls.__qualname__}.__init__"
        cls.__init__ = twin.__init__
        return twin.__init__

    def _has_default(field):
        return field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING

    def _same_default(field):
        return dataclasses.field(default=field.default, default_factory=field.default_factory)

    class _Signature:
        """The descriptor for `__signature__`: it computes the signature of the constructor when `help` reads it."""

        def __get__(self, instance, owner):
            whole = inspect.signature(_compiled_init(owner))
            _, *parameters = whole.parameters.values()
            return whole.replace(parameters=parameters)

    def _compared(cls):
        """Return a function that takes an instance and reads those of its fields that `==` compares.

        Store the function in _READERS.
        """
        names = [field.name for field in dataclasses.fields(cls) if field.compare]
        read = attrgetter(*names) if names else type
        _READERS[cls] = read
        return read

    def _eq(self, other):
        cls = self.__class__
        if other.__class__ is not cls:
            return NotImplemented
        read = _READERS.get(cls) or _compared(cls)
        return read(self) == read(other)

    def _hash(self):
        cls = self.__class__
        return hash((_READERS.get(cls) or _compared(cls))(self))

    def _repr(self):
        shown = (f"{field.name}={getattr(self, field.name)!r}" for field in dataclasses.fields(self) if field.repr)
        return f"{self.__class__.__qualname__}({', '.join(shown)})"

    def _setattr(self, name, value):
        raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")

    def _delattr(self, name):
        raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")

    def _getstate(self):
        return [getattr(self, field.name) for field in dataclasses.fields(self)]

    def _setstate(self, state):
        for field, value in zip(dataclasses.fields(self), state, strict=True):
            object.__setattr__(self, field.name, value)

    #: The functions that `_compared` has returned, by class.
    _READERS = {}
    _SHARED = {
        "__eq__": _eq, "__hash__": _hash, "__repr__": _repr, "__setattr__": _setattr, "__delattr__": _delattr,
        "__getstate__": _getstate, "__setstate__": _setstate, "__signature__": _Signature(),
    }  # fmt: skip
