//! Signatures of functions as modules declare them.

use super::value::{Extension, Parameter, Signature, Type};
use inkwell::llvm_sys::LLVMTypeKind::{
    LLVMDoubleTypeKind, LLVMFloatTypeKind, LLVMIntegerTypeKind, LLVMPointerTypeKind,
    LLVMVoidTypeKind,
};
use inkwell::llvm_sys::core::{
    LLVMCountParamTypes, LLVMDisposeMessage, LLVMGetEnumAttributeAtIndex,
    LLVMGetEnumAttributeKindForName, LLVMGetFirstFunction, LLVMGetFunctionCallConv,
    LLVMGetIntTypeWidth, LLVMGetLinkage, LLVMGetNextFunction, LLVMGetParamTypes,
    LLVMGetPointerAddressSpace, LLVMGetReturnType, LLVMGetTypeKind, LLVMGetValueName2,
    LLVMGlobalGetValueType, LLVMIsDeclaration, LLVMIsFunctionVarArg, LLVMPrintTypeToString,
};
use inkwell::llvm_sys::prelude::{LLVMTypeRef, LLVMValueRef};
use inkwell::llvm_sys::{LLVMCallConv, LLVMLinkage};
use inkwell::module::Module;
use std::ffi::CStr;
use std::ptr::null_mut;

/// A signature, or why there is none of scalars.
pub(super) type Callable = Result<Signature, String>;

/// A function that a module declares or defines.
#[derive(Clone, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Declared {
    pub name: String,
    pub callable: Callable,
    /// Whether it has a body that others may use.
    pub defined: bool,
    /// Whether only its module sees it.
    pub internal: bool,
}

/// The functions of a module, without those that stand for instructions.
pub(super) fn functions(module: &Module<'_>) -> Vec<Declared> {
    let mut all = Vec::new();
    // SAFETY: the module is a valid one, and so are its functions while it lives.
    unsafe {
        let mut function = LLVMGetFirstFunction(module.as_mut_ptr());
        while !function.is_null() {
            let mut length = 0;
            let name = LLVMGetValueName2(function, &raw mut length);
            let name = std::slice::from_raw_parts(name.cast::<u8>(), length);
            let name = String::from_utf8_lossy(name).into_owned();
            let linkage = LLVMGetLinkage(function);
            let here = LLVMIsDeclaration(function) == 0
                && linkage != LLVMLinkage::LLVMAvailableExternallyLinkage;
            if !name.starts_with("llvm.") {
                all.push(Declared {
                    name,
                    callable: callable(function),
                    defined: here,
                    internal: matches!(
                        linkage,
                        LLVMLinkage::LLVMInternalLinkage | LLVMLinkage::LLVMPrivateLinkage
                    ),
                });
            }
            function = LLVMGetNextFunction(function);
        }
    }
    all
}

/// Arguments with these attributes are not passed as their type says.
const ODD: [&str; 7] = [
    "byval",
    "byref",
    "inalloca",
    "preallocated",
    "nest",
    "swiftself",
    "swifterror",
];

/// # Safety
/// It is a function.
unsafe fn callable(function: LLVMValueRef) -> Callable {
    // SAFETY: as the caller says; types live as long as their context.
    unsafe {
        let convention = LLVMGetFunctionCallConv(function);
        if convention != LLVMCallConv::LLVMCCallConv as u32 {
            return Err(format!(
                "its calling convention is not C's, but number {convention}"
            ));
        }
        let ty = LLVMGlobalGetValueType(function);
        let count = LLVMCountParamTypes(ty);
        let mut types = vec![null_mut(); count as usize];
        LLVMGetParamTypes(ty, types.as_mut_ptr());
        let mut params = Vec::new();
        for (n, &param) in types.iter().enumerate() {
            let at = n as u32 + 1;
            let found = scalar(param).filter(|&found| found != Type::Void);
            let Some(found) = found else {
                return Err(format!("parameter {at} has the type {}", text(param)));
            };
            if let Some(odd) = ODD.iter().find(|name| has(function, at, name)) {
                return Err(format!("parameter {at} is {odd}"));
            }
            params.push(Parameter {
                ty: found,
                extension: extension(function, at),
            });
        }
        let result = LLVMGetReturnType(ty);
        let Some(found) = scalar(result) else {
            return Err(format!("its result has the type {}", text(result)));
        };
        Ok(Signature {
            result: Parameter {
                ty: found,
                extension: extension(function, 0),
            },
            params,
            variadic: LLVMIsFunctionVarArg(ty) != 0,
        })
    }
}

/// # Safety
/// It is a type.
unsafe fn scalar(ty: LLVMTypeRef) -> Option<Type> {
    // SAFETY: as the caller says, of the kind that was asked for.
    unsafe {
        match LLVMGetTypeKind(ty) {
            LLVMVoidTypeKind => Some(Type::Void),
            LLVMFloatTypeKind => Some(Type::F32),
            LLVMDoubleTypeKind => Some(Type::F64),
            LLVMPointerTypeKind => (LLVMGetPointerAddressSpace(ty) == 0).then_some(Type::Ptr),
            LLVMIntegerTypeKind => Some(LLVMGetIntTypeWidth(ty))
                .filter(|&bits| bits <= 64)
                .map(Type::Int),
            _ => None,
        }
    }
}

/// # Safety
/// It is a type.
unsafe fn text(ty: LLVMTypeRef) -> String {
    // SAFETY: as the caller says; the text is LLVM's own copy.
    unsafe {
        let printed = LLVMPrintTypeToString(ty);
        let text = CStr::from_ptr(printed).to_string_lossy().into_owned();
        LLVMDisposeMessage(printed);
        text
    }
}

/// # Safety
/// It is a function, which has the result or parameter `at`.
unsafe fn extension(function: LLVMValueRef, at: u32) -> Extension {
    // SAFETY: as the caller says.
    unsafe {
        if has(function, at, "signext") {
            Extension::Sign
        } else if has(function, at, "zeroext") {
            Extension::Zero
        } else {
            Extension::None
        }
    }
}

/// Whether the result (0) or a parameter has an attribute.
///
/// # Safety
/// As for [`extension`].
unsafe fn has(function: LLVMValueRef, at: u32, name: &str) -> bool {
    // SAFETY: as the caller says.
    unsafe {
        let kind = LLVMGetEnumAttributeKindForName(name.as_ptr().cast(), name.len());
        !LLVMGetEnumAttributeAtIndex(function, at, kind).is_null()
    }
}
